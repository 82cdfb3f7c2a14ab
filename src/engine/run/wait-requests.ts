import { checkGraph, Workflow } from '@cloutagent/contract';
import type { Settings } from '../../config/settings.js';
import { NodeError } from '../extension/node-handler.js';
import type { ChildrenRequest, WaitRequest } from '../extension/waiting.js';

/** PostgreSQL and JavaScript write years with four digits in the same way. */
const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z');
/** The longest question, as in the config of an `approval` node. */
const MAX_MESSAGE_LENGTH = 10_000;
const MAX_INDEX = 2_147_483_647;

export const invalid = (problem: string): NodeError =>
  new NodeError('invalid_wait', `The node cannot wait in this way: ${problem}.`);

/**
 * Returns when a timer fires, in ISO 8601. A time before 1970 is over as well at 1970.
 * @throws NodeError `invalid_wait`
 */
export function timerTime(until: unknown): string {
  const time = typeof until === 'string' || until instanceof Date ? new Date(until).getTime() : NaN;
  if (Number.isNaN(time) || time > LAST_TIME)
    throw invalid(`until must be a time in ISO 8601 before the year 10000; it is ${shown(until)}`);
  return new Date(Math.max(0, time)).toISOString();
}

/**
 * Checks what a person sees of a wait, because TypeScript does not check what a module's node has computed.
 * @throws NodeError `invalid_wait`
 */
export function checkShown(request: WaitRequest): void {
  const { message, schema, assignees } = request as {
    message?: unknown;
    schema?: unknown;
    assignees?: unknown;
  };
  if (message !== undefined && (typeof message !== 'string' || message.length > MAX_MESSAGE_LENGTH))
    throw invalid(`message must be text with at most ${MAX_MESSAGE_LENGTH} characters`);
  if (schema !== undefined && (typeof schema !== 'object' || schema === null || Array.isArray(schema)))
    throw invalid('schema must be a JSON Schema, which is an object');
  if (assignees !== undefined && !(Array.isArray(assignees) && assignees.every(isId)))
    throw invalid('assignees must be a list of ids of principals');
}

/** Whether PostgreSQL can store a text that is an id: it refuses U+0000 and half characters. */
const isId = (text: unknown): boolean =>
  typeof text === 'string' && text.length > 0 && text.isWellFormed() && !text.includes('\0');

/**
 * Checks that a value is JSON.
 * @returns its size in bytes
 * @throws NodeError `invalid_wait`
 */
export function jsonBytes(name: string, value: unknown): number {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    throw invalid(`${name} is not JSON: ${(error as Error).message.split('\n', 1)[0]}`);
  }
  if (json === undefined) throw invalid(`${name} is not JSON: it is ${shown(value)}`);
  return Buffer.byteLength(json);
}

/**
 * Checks a request for children: numbers, and a workflow that a server can run. The configs of its nodes are checked when they
 * run.
 * @returns the request, with the defaults of the workflow's members
 * @throws NodeError `invalid_wait`
 */
export function checkedChildren(
  request: ChildrenRequest,
  limits: Pick<Settings, 'MAX_WORKFLOW_NODES' | 'MAX_WORKFLOW_EDGES' | 'MAX_WORKFLOW_DEPTH'>,
): ChildrenRequest {
  checkNumbers(request);
  const parsed = Workflow.safeParse(request.workflow);
  const problem = parsed.success ? checkGraph(parsed.data, limits)[0] : parsed.error.issues[0];
  if (problem) throw invalid(`${['workflow', ...problem.path].map(String).join('.')}: ${problem.message}`);
  return { ...request, workflow: parsed.data! };
}

/** Checks the numbers of a request for children. @throws NodeError `invalid_wait` */
export function checkNumbers({ inputs, firstIndex = 0, concurrency, onError }: ChildrenRequest): void {
  if (!Array.isArray(inputs)) throw invalid('inputs must be a list, with the input of each child');
  if (!Number.isInteger(firstIndex) || firstIndex < 0 || firstIndex + inputs.length > MAX_INDEX)
    throw invalid(`firstIndex must be an integer from 0 to ${MAX_INDEX}; it is ${shown(firstIndex)}`);
  if (
    concurrency !== undefined &&
    !(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MAX_INDEX)
  )
    throw invalid(`concurrency must be an integer of at least 1; it is ${shown(concurrency)}`);
  if (onError !== undefined && onError !== 'fail' && onError !== 'collect')
    throw invalid(`onError must be fail or collect; it is ${shown(onError)}`);
}

/** Checks that the inputs of children are JSON. @throws NodeError `invalid_wait` */
export function checkInputs(inputs: readonly unknown[]): void {
  // Not by a method of the list, which would leave out items that are not there.
  for (let index = 0; index < inputs.length; index += 1) jsonBytes(`inputs.${index}`, inputs[index]);
}

const shown = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : String(value).slice(0, 100);
