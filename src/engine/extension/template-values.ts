import type { Json } from '@cloutagent/contract';
import { nearestName } from '../../common/spelling.js';
import type { Placeholder } from './placeholder.js';
import type { SecretReferences } from './secret-references.js';

/** The values that placeholders may refer to. */
export interface FillScope {
  readonly input: Json;
  /** Outputs of the completed nodes, by node id. */
  readonly outputs: ReadonlyMap<string, Json>;
  /** Failures of the nodes whose error edge was taken, by node id. */
  readonly errors: ReadonlyMap<string, { readonly message: string; readonly code: string }>;
  readonly execution: { readonly id: string; readonly projectId: string };
  /** The variables of the project that the config uses, by name; none if it uses none. */
  readonly vars?: Readonly<Record<string, Json>>;
  /** Stands for the secrets in a filled-in config, which has references to them instead of their values. */
  readonly secrets?: SecretReferences;
  /** Returns the callback address of a `wait` node that `callbackNodes` has named. */
  callbackUrl?(nodeId: string): string | undefined;
}

/** A value, or why there is none. */
export type Found = { readonly value: Json } | { readonly missing: string };

/** Finds the value of a placeholder. It reads only own members, so no text reaches a prototype. */
export function findValue({ root, nodeId = '', path }: Placeholder, scope: FillScope): Found {
  const found = rootValue(root, nodeId, scope);
  if ('missing' in found) return found;
  let { value } = found;
  for (const [depth, key] of path.entries()) {
    const next = memberOf(value, key);
    if (next === undefined)
      return { missing: whyMissing(nameOf(root, nodeId, path.slice(0, depth)), value, key) };
    value = next;
  }
  return { value };
}

function rootValue(root: Placeholder['root'], nodeId: string, scope: FillScope): Found {
  const { input, outputs, errors, execution } = scope;
  if (root === 'input') return { value: input };
  if (root === 'vars') return { value: scope.vars ?? {} };
  if (root === 'execution') return { value: { id: execution.id, projectId: execution.projectId } };
  if (root === 'output') {
    const value = outputs.get(nodeId);
    return value === undefined
      ? { missing: `node "${nodeId}" has no output, because it was skipped, failed, or is not done` }
      : { value };
  }
  if (root === 'error') {
    const error = errors.get(nodeId);
    return error
      ? { value: { message: error.message, code: error.code } }
      : { missing: `node "${nodeId}" has no failure that an error edge handles` };
  }
  const url = scope.callbackUrl?.(nodeId);
  return url === undefined ? { missing: `node "${nodeId}" has no callback address` } : { value: url };
}

function memberOf(value: Json, key: string | number): Json | undefined {
  if (Array.isArray(value)) {
    const index = typeof key === 'number' || /^\d{1,15}$/.test(key) ? Number(key) : -1;
    return value[index];
  }
  if (typeof value !== 'object' || value === null || typeof key === 'number') return undefined;
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

/** Above this number of members, similar names are not searched. */
const MAX_NAMES = 200;

function whyMissing(name: string, value: Json, key: string | number): string {
  const member = typeof key === 'number' ? `item ${key}` : `member ${JSON.stringify(short(key))}`;
  if (Array.isArray(value)) return `${name} is a list of ${value.length} and has no ${member}`;
  if (typeof value === 'string')
    return `${name} is text and has no ${member}. Use a transform node to read a value from text`;
  if (typeof value !== 'object' || value === null) return `${name} is ${String(value)} and has no ${member}`;
  const names = Object.keys(value);
  const near = typeof key === 'string' && names.length <= MAX_NAMES ? nearestName(key, names) : undefined;
  return `${name} has no ${member}${near === undefined ? '' : `: did you mean ${JSON.stringify(short(near))}?`}`;
}

const short = (text: string): string => (text.length > 100 ? `${text.slice(0, 100).toWellFormed()}…` : text);

/** Roots that belong to no node. */
const ROOTS_BY_NAME = new Set<Placeholder['root']>(['input', 'execution', 'vars']);

function nameOf(root: Placeholder['root'], nodeId: string, path: readonly (string | number)[]): string {
  const start = ROOTS_BY_NAME.has(root) ? root : `nodes.${nodeId}.${root}`;
  const rest = path.map((key) =>
    typeof key === 'string' && /^[\p{L}\p{N}_$-]+$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`,
  );
  return short(start + rest.join(''));
}
