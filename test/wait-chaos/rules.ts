import type { ExecutionEvent, Step } from '@cloutagent/contract';
import { applyEvent, initialState } from '@cloutagent/contract/reduce';

/** An execution of a tree, with all that is stored of it. */
export interface StoredExecution {
  id: string;
  parentId: string | null;
  status: string;
  completedAt: Date | null;
  owner: string | null;
  runnableAt: Date | null;
  superseded: boolean;
  workflow: { nodes: { id: string; type: string }[] };
  events: StoredEvent[];
  waits: StoredWait[];
}
export interface StoredEvent {
  sequence: number;
  type: string;
  data: Record<string, unknown>;
  /** The transaction that inserted it. */
  xid: number;
}
export interface StoredWait {
  id: string;
  nodeId: string;
  key: string;
  kind: string;
  outcome: string | null;
  recorded: boolean;
}
export interface StoredTree {
  executions: StoredExecution[];
  /** The counter of the tree's tokens. */
  treeUsage: { input: number; output: number } | undefined;
}

const TERMINAL = /^execution:(completed|failed|cancelled)$/;
/** Types that the server does not record while an execution is paused. */
const WORK = new Set(['execution:output', 'execution:waiting', 'execution:wait-ended', 'execution:branch']);
const PARENTS = new Set(['map', 'loop', 'workflow']);
const text = (value: unknown): string => String(value);

/** Checks an ended tree. @returns violations, one sentence each */
export function checkTree({ executions, treeUsage }: StoredTree): string[] {
  const problems = executions.flatMap((execution) =>
    checkExecution(execution).map((problem) => `${execution.id}: ${problem}`),
  );
  const byId = new Map(executions.map((execution) => [execution.id, execution]));
  for (const { id, parentId, events } of executions) {
    const above = parentId === null ? undefined : byId.get(parentId);
    const end = above?.events.at(-1);
    const late = end && events.find(({ xid }) => xid >= end.xid);
    if (late)
      problems.push(`${id}: ${late.type} ${late.sequence} came after the end of its parent ${parentId}.`);
  }
  problems.push(...checkUsage(executions, treeUsage));
  return problems;
}

function checkExecution(execution: StoredExecution): string[] {
  const { events, waits, status } = execution;
  const problems: string[] = [];
  const wrong = events.findIndex(({ sequence }, index) => sequence !== index + 1);
  if (wrong !== -1) problems.push(`sequence ${events[wrong]!.sequence} follows ${wrong}.`);
  const ends = events.filter(({ type }) => TERMINAL.test(type));
  if (ends.length !== 1 || events.at(-1) !== ends[0])
    problems.push(`it has the ends ${ends.map(({ type, sequence }) => `${type} ${sequence}`).join(', ')}.`);
  if (!execution.completedAt || execution.owner !== null || execution.runnableAt !== null)
    problems.push('its row is open, owned or queued.');
  const state = reduced(events);
  if (state.status !== status) problems.push(`the row is ${status}, the reducer says ${state.status}.`);
  for (const step of state.steps)
    if (step.status === 'running' || step.status === 'waiting')
      problems.push(`the step of ${step.nodeId} is ${step.status} after the end.`);
  return [...problems, ...checkSteps(events), ...checkPauses(events), ...checkWaits(events, waits)];
}

/** Checks that no node runs again after it has completed, and that one attempt of a node runs at a time. */
function checkSteps(events: readonly StoredEvent[]): string[] {
  const problems: string[] = [];
  const open = new Map<string, { stepId: string; attempt: number }>();
  const completed = new Set<string>();
  for (const { type, sequence, data } of events) {
    const { nodeId, stepId, status, attempt } = data as {
      nodeId: string;
      stepId: string;
      status: Step['status'];
      attempt: number;
    };
    if (type !== 'execution:step') continue;
    if (completed.has(nodeId)) problems.push(`${nodeId} is ${status} at ${sequence}, after it completed.`);
    if (status === 'completed') completed.add(nodeId);
    const other = open.get(nodeId);
    if (other && other.stepId !== stepId)
      problems.push(`${nodeId} begins another step at ${sequence} before the one before has ended.`);
    if (status === 'running' || status === 'waiting') open.set(nodeId, { stepId, attempt });
    else open.delete(nodeId);
  }
  return problems;
}

function checkPauses(events: readonly StoredEvent[]): string[] {
  let pausedAt: number | undefined;
  for (const { type, sequence, data } of events) {
    if (type === 'execution:paused') pausedAt = sequence;
    else if (type === 'execution:resumed' || type === 'execution:started') pausedAt = undefined;
    if (pausedAt === undefined) continue;
    const isStep =
      type === 'execution:step' && ['running', 'completed', 'waiting'].includes(text(data['status']));
    // The end of a paused execution ends its waits.
    const isEnd =
      type === 'execution:wait-ended' &&
      events
        .slice(sequence)
        .every(({ type: next }) => next !== 'execution:resumed' && next !== 'execution:started');
    if ((WORK.has(type) || isStep) && !isEnd)
      return [`${type} ${sequence} was recorded during the pause that began at ${pausedAt}.`];
  }
  return [];
}

/** Checks that every wait begins and ends once, in its row as in the journal, and that no question is asked twice. */
function checkWaits(events: readonly StoredEvent[], waits: readonly StoredWait[]): string[] {
  const problems: string[] = [];
  const of = (type: string) =>
    Map.groupBy(
      events.filter((event) => event.type === type),
      ({ data }) => text(data['waitId']),
    );
  const [begins, ends] = [of('execution:waiting'), of('execution:wait-ended')];
  for (const { id, kind, nodeId, key, outcome, recorded } of waits) {
    const name = `the wait ${key} (${kind}) of ${nodeId}`;
    if (outcome === null || !recorded) problems.push(`${name} is open or not recorded.`);
    const [began, ended] = [begins.get(id) ?? [], ends.get(id) ?? []];
    if (began.length !== 1 || ended.length !== 1)
      problems.push(`${name} begins ${began.length} times and ends ${ended.length} times in the journal.`);
    const shown = ended[0]?.data['outcome'];
    if (shown !== outcome) problems.push(`${name} ended as ${outcome}; the journal says ${text(shown)}.`);
  }
  if (begins.size !== waits.length)
    problems.push(`the journal has ${begins.size} waits, the table has ${waits.length}.`);
  for (const [nodeId, all] of Map.groupBy(waits, (wait) => wait.nodeId)) {
    // Approvals and signals are asked once. Only a failure asks once for each attempt.
    const asked = all.filter(({ kind }) => kind === 'approval' || kind === 'signal');
    if (asked.length > 1) problems.push(`${nodeId} asked ${asked.length} times.`);
  }
  return problems;
}

/** Checks that the counter of the tree is the sum of the model calls of its executions. */
function checkUsage(executions: readonly StoredExecution[], counted: StoredTree['treeUsage']): string[] {
  if (executions.length === 1) return [];
  let [input, output] = [0, 0];
  for (const { events, workflow } of executions) {
    const types = new Map(workflow.nodes.map(({ id, type }) => [id, type]));
    let before = { input: 0, output: 0 };
    for (const { type, data } of events) {
      if (type !== 'execution:token-usage') continue;
      const usage = data['usage'] as { input: number; output: number };
      if (!PARENTS.has(types.get(text(data['nodeId']))!)) {
        input += usage.input - before.input;
        output += usage.output - before.output;
      }
      before = usage;
    }
  }
  const problems: string[] = [];
  if (input !== (counted?.input ?? 0) || output !== (counted?.output ?? 0))
    problems.push(
      `the tree used ${input} and ${output} tokens; its counter has ${counted?.input ?? 0} and ${counted?.output ?? 0}.`,
    );
  const root = executions.find(({ parentId }) => parentId === null)!;
  const { tokenUsage } = reduced(root.events);
  // An execution that is cancelled while no process owns it does not report the tokens of its children.
  const isWhole = executions.every(({ status }) => status !== 'cancelled');
  if (isWhole && (tokenUsage.input !== input || tokenUsage.output !== output))
    problems.push(
      `the root reports ${tokenUsage.input} and ${tokenUsage.output} tokens; its tree used ${input} and ${output}.`,
    );
  return problems;
}

/** Returns the state that events give. */
export const reduced = (events: readonly StoredEvent[]) =>
  events.reduce(
    (state, { type, sequence, data }) => applyEvent(state, { ...data, type, sequence } as ExecutionEvent),
    initialState(),
  );

/** Returns the journal of an execution on one line, for reports. */
export const outline = ({ id, parentId, events }: StoredExecution): string =>
  `${id}${parentId === null ? '' : ` below ${parentId}`}: ` +
  events
    .filter(({ type }) => type !== 'execution:output' && type !== 'execution:progress')
    .map(({ sequence, type, data }) =>
      [
        sequence,
        type.replace('execution:', ''),
        data['nodeId'],
        data['status'],
        data['attempt'],
        data['kind'],
        data['outcome'],
        data['code'],
        data['error'],
        data['reason'],
      ]
        .flatMap((part) => (part === undefined ? [] : [text(part)]))
        .join(' '),
    )
    .join(' | ');
