/**
 * Returns the time to wait before attempt `attempt + 1`, in ms: exponential backoff with full jitter, or `retryAfterMs`
 * if that is longer. It is never more than `maxMs`.
 */
export function backoffMs(
  attempt: number,
  baseMs: number,
  maxMs: number,
  retryAfterMs = 0,
  random = Math.random,
): number {
  const exponential = random() * Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(Math.min(maxMs, Math.max(exponential, retryAfterMs)));
}
