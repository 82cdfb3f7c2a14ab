const integer = new Intl.NumberFormat('en');

export const count = (value: number): string => integer.format(value);

/** "1 event", "2 events"; `many` where an s is not enough. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** @param usd null when a price is not known */
export function cost(usd: number | null): string {
  if (usd === null) return 'unknown';
  if (usd === 0) return '$0';
  return usd < 0.01 ? `$${usd.toPrecision(2)}` : `$${usd.toFixed(usd < 1 ? 4 : 2)}`;
}

/** @param ms e.g. 1234 is "1.2 s" */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

const moment = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });

export const dateTime = (iso: string): string => moment.format(new Date(iso));

/** Time of day, with milliseconds. */
export const timeOfDay = (iso: string): string =>
  `${clock.format(new Date(iso))}.${String(new Date(iso).getMilliseconds()).padStart(3, '0')}`;

/** "2 min. ago" or "in 90 days", seen from `now` (ms since 1970). What lies ahead is rounded, what is past has passed in full. */
export function ago(iso: string, now: number): string {
  const seconds = Math.round((Date.parse(iso) - now) / 1_000);
  const steps = [
    [60, 1, 'second'],
    [3_600, 60, 'minute'],
    [86_400, 3_600, 'hour'],
    [Infinity, 86_400, 'day'],
  ] as const;
  const [, size, unit] = steps.find(([most]) => Math.abs(seconds) < most)!;
  return Math.abs(seconds) < 5
    ? 'just now'
    : relative.format(seconds > 0 ? Math.round(seconds / size) : Math.trunc(seconds / size), unit);
}
