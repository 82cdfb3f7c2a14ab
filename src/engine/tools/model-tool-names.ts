import { createHash } from 'node:crypto';

/** The longest name of a tool that model providers accept, in the characters `[A-Za-z0-9_-]`. */
const MAX_LENGTH = 64;
const HASH_LENGTH = 8;

/**
 * Gives each tool of an agent a name that every model provider accepts: `crm/find-customer` becomes `crm__find-customer`.
 * A name that is too long, or that another tool has, ends with a hash of the full name instead. The same tools always get
 * the same names.
 * @param names the full names, all different
 * @returns the names for the model, by full name
 */
export function modelToolNames(names: readonly string[]): Map<string, string> {
  const given = new Map<string, string>();
  const taken = new Set<string>();
  // Names without a prefix come first, because they stay as they are.
  for (const name of names.toSorted(
    (one, other) => Number(one.includes('/')) - Number(other.includes('/')),
  )) {
    const readable = name.replaceAll('/', '__');
    const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_LENGTH);
    const isUsable = readable.length <= MAX_LENGTH && !taken.has(readable);
    const result = isUsable ? readable : `${readable.slice(0, MAX_LENGTH - HASH_LENGTH - 1)}_${hash}`;
    taken.add(result);
    given.set(name, result);
  }
  return given;
}
