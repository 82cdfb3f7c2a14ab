/** Longest delay that a server can impose, in ms: one hour. */
export const MAX_SERVER_DELAY_MS = 3_600_000;
/** Timers hold 31 bits. A longer delay would fire immediately. */
const MAX_TIMER_MS = 2_147_483_647;

export const clampDelay = (ms: number): number => Math.min(ms, MAX_TIMER_MS);

/** Parses `Retry-After`, which is seconds or a date (RFC 9110, section 10.2.3). @returns ms; undefined if it is neither */
export function parseRetryAfter(value: string | null, now = Date.now()): number | undefined {
  const text = value?.trim() ?? '';
  if (text === '') return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_SERVER_DELAY_MS);
}
