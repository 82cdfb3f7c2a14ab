import type { SavedWorkflow, WorkflowChange, WorkflowDiff } from '@cloutagent/contract';
import { isDeepStrictEqual } from 'node:util';

/** Changes that one answer lists. */
const MAX_CHANGES = 1_000;

/** What two versions are compared by. */
type Compared = Pick<
  SavedWorkflow,
  'version' | 'workflow' | 'inputSchema' | 'options' | 'description' | 'tags'
>;

/**
 * Lists the differences between two versions. Nodes and edges are matched by their id, so that one more at the front is one
 * change. An edge without an id is matched by its source, its target and its position among those with the same two.
 * Positions in the editor count as a part of the node.
 */
export function diffOf(from: Compared, to: Compared): WorkflowDiff {
  const changes: WorkflowChange[] = [];
  compare('', comparable(from), comparable(to), changes);
  return {
    from: from.version,
    to: to.version,
    changes: changes.slice(0, MAX_CHANGES),
    isComplete: changes.length <= MAX_CHANGES,
  };
}

const comparable = ({ workflow, inputSchema, options, description, tags }: Compared) => ({
  workflow: {
    ...workflow,
    nodes: byKey(workflow.nodes, ({ id }) => id),
    edges: byKey(workflow.edges, ({ id, source, target }) => id ?? `${source}->${target}`),
  },
  inputSchema,
  options,
  description,
  tags,
});

/** Makes an object of a list. The second item with the same key gets the key `key#2`. */
function byKey<T>(items: readonly T[], keyOf: (item: T) => string): Record<string, T> {
  const counts = new Map<string, number>();
  return Object.fromEntries(
    items.map((item) => {
      const key = keyOf(item);
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return [count === 1 ? key : `${key}#${count}`, item];
    }),
  );
}

/** Requests are limited to MAX_JSON_DEPTH levels, so this cannot overflow the stack. */
function compare(path: string, from: unknown, to: unknown, changes: WorkflowChange[]): void {
  if (changes.length > MAX_CHANGES || isDeepStrictEqual(from, to)) return;
  if (from === undefined) changes.push({ op: 'add', path, to });
  else if (to === undefined) changes.push({ op: 'remove', path, from });
  else if (isObject(from) && isObject(to))
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)]))
      compare(`${path}/${escaped(key)}`, own(from, key), own(to, key), changes);
  else changes.push({ op: 'replace', path, from, to });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const own = (object: Record<string, unknown>, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : undefined;

/** Escapes a key in a JSON pointer (RFC 6901, section 3). */
const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');
