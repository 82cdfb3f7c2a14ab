/**
 * Whether arrays and objects in `value` are nested more than `max` deep; a scalar has depth 0. The recursion stops at
 * `max`, so hostile depth does not overflow the stack. Use at most 1,000: JSON.stringify may fail on deeper values.
 */
export function isDeeperThan(value: unknown, max: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return max === 0 || Object.values(value).some((item) => isDeeperThan(item, max - 1));
}
