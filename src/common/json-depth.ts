/**
 * Whether arrays and objects are nested in `value` more than `most` deep; a scalar is 0 deep. It goes no deeper
 * itself, so that hostile depth costs no stack. `most` is at most 1,000: what is deeper, JSON.stringify may not take.
 */
export function isDeeperThan(value: unknown, most: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return most === 0 || Object.values(value).some((item) => isDeeperThan(item, most - 1));
}
