/**
 * How long to wait before attempt `attempt + 1`, in ms: exponential with full jitter, or what the other
 * side asked for if that is longer, but never more than `mostMs`.
 */
export function backoffMs(
  attempt: number,
  baseMs: number,
  mostMs: number,
  retryAfterMs = 0,
  random = Math.random,
): number {
  const exponential = random() * Math.min(mostMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(Math.min(mostMs, Math.max(exponential, retryAfterMs)));
}
