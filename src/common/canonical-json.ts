/** Writes a JSON value as text in which the members of all objects are sorted, so that equal values have equal texts. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member) ? sorted(member) : member,
  );

/** `Object.fromEntries` keeps a member that is called `__proto__` as an own member. */
const sorted = (object: object): object =>
  Object.fromEntries(Object.entries(object).toSorted(([one], [other]) => (one < other ? -1 : 1)));
