import type { SecretRedactor } from '../config/secret-redactor.js';
import { escapeLineEnds } from '../events/encode-event.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import type { RowChange } from './row-change.js';

/** Which members of an object are fixed by the protocol, or identify something. The value of a secret may equal one. */
interface Shape {
  /** Members that stay as they are. */
  readonly fixed: ReadonlySet<string>;
  /** Members that are objects, or lists of objects, with fixed members. */
  readonly parts?: Readonly<Record<string, Shape>>;
}

const shape = (fixed: readonly string[], parts?: Readonly<Record<string, Shape>>): Shape => ({
  fixed: new Set(fixed),
  ...(parts && { parts }),
});

const IDS = ['executionId', 'projectId', 'nodeId', 'nodeType', 'stepId', 'waitId', 'rootId', 'rerunOf'];
const TIMES = ['timestamp', 'createdAt', 'startedAt', 'completedAt', 'until', 'at'];
const STEP = [...IDS, ...TIMES, 'status', 'kind', 'outcome', 'continues', 'reusedFrom'];
const EVENT = shape([...STEP, 'taken', 'notTaken']);
const COMPLETED = shape(STEP, {
  result: shape([...STEP, 'id'], {
    steps: shape(STEP),
    error: shape(IDS),
    parent: shape(IDS),
    waits: shape(STEP),
  }),
});
const CHANGE = shape([...STEP], {
  error: shape(IDS),
  // The key of a wait can be text of a module.
  opens: shape([...STEP, 'id']),
  records: shape([...STEP, 'id']),
  children: shape([...IDS, 'savedAs', 'options', 'supersedes'], { children: shape([...IDS, 'id']) }),
  rounds: shape(IDS),
  toolCalls: shape(IDS, { recorded: shape(IDS) }),
  treeUsage: shape([...IDS, 'model']),
});

/** Replaces secrets in events. What the protocol fixes stays, such as the type and the ids of nodes and steps. */
export const redactEvents = (secrets: SecretRedactor, events: readonly RecordedEvent[]): RecordedEvent[] =>
  events.map((event) => {
    const data = secrets.json(event.data);
    if (data === event.data) return event;
    const redacted = JSON.parse(data) as unknown;
    const of = event.type === 'execution:completed' ? COMPLETED : EVENT;
    const isRestored = restore(redacted, JSON.parse(event.data), of);
    return { ...event, data: isRestored ? escapeLineEnds(JSON.stringify(redacted)) : data };
  });

/** Replaces secrets in the columns that can hold some. */
export function redactChange(secrets: SecretRedactor, change: RowChange): RowChange {
  const { output, error, opens, children, rounds, toolCalls } = change;
  // Calls of tools keep the server's own secrets, which a later attempt sends again.
  const hasRounds = secrets.isExtended && (rounds ?? toolCalls) !== undefined;
  if (output === undefined && error === undefined && !opens && !children && !hasRounds) return change;
  const redacted = secrets.value(change);
  if (redacted !== change) restore(redacted, change, CHANGE);
  return redacted;
}

/**
 * Gives the fixed members of a redacted value their original values.
 * @returns whether one of them was different
 */
function restore(redacted: unknown, original: unknown, { fixed, parts = {} }: Shape): boolean {
  if (Array.isArray(redacted) && Array.isArray(original))
    return redacted
      .map((item, index) => restore(item, original[index], { fixed, parts }))
      .some((isRestored) => isRestored);
  if (!isObject(redacted) || !isObject(original)) return false;
  let isRestored = false;
  for (const name of fixed) {
    if (!Object.hasOwn(original, name) || same(redacted[name], original[name])) continue;
    redacted[name] = original[name];
    isRestored = true;
  }
  for (const [name, part] of Object.entries(parts))
    if (restore(redacted[name], original[name], part)) isRestored = true;
  return isRestored;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
