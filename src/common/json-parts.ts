/**
 * Whether a value has more than `max` arrays, objects and members of objects together, as `jsonShape` counts them. It does not
 * recurse, and stops as soon as it has counted enough.
 */
export function hasMoreParts(value: unknown, max: number): boolean {
  let parts = 0;
  for (const stack = [value]; stack.length > 0;) {
    const item = stack.pop();
    if (typeof item !== 'object' || item === null) continue;
    const members = Object.values(item);
    parts += 1 + (Array.isArray(item) ? 0 : members.length);
    if (parts > max) return true;
    for (const member of members) stack.push(member);
  }
  return false;
}
