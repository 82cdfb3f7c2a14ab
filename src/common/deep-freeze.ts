/**
 * Freezes a JSON value with everything in it, so that code that shares it cannot change it for others. Parts that are
 * frozen already are not visited again.
 * @returns the value
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  // Before its parts, so that a cycle ends here.
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
  return value;
}
