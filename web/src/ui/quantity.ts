const integer = new Intl.NumberFormat('en');

export const count = (value: number): string => integer.format(value);

/** Formats a count with its noun: "1 event", "2 events"; `plural` for nouns without a plural in s. */
export const counted = (value: number, singular: string, plural = `${singular}s`): string =>
  `${count(value)} ${value === 1 ? singular : plural}`;

/** Formats US dollars. @param usd null when the price is unknown */
export function cost(usd: number | null): string {
  if (usd === null) return 'unknown';
  if (usd === 0) return '$0';
  return usd < 0.01 ? `$${usd.toPrecision(2)}` : `$${usd.toFixed(usd < 1 ? 4 : 2)}`;
}

/** Formats milliseconds; 1234 is "1.2 s". */
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

/** Formats the time of day with milliseconds. */
export const timeOfDay = (iso: string): string =>
  `${clock.format(new Date(iso))}.${String(new Date(iso).getMilliseconds()).padStart(3, '0')}`;

/**
 * Formats a time relative to `now` (ms since 1970), such as "2 min. ago" or "in 90 days". Times in the future are rounded to
 * the nearest unit; times in the past are rounded down.
 */
export function ago(iso: string, now: number): string {
  const seconds = Math.round((Date.parse(iso) - now) / 1_000);
  const steps = [
    [60, 1, 'second'],
    [3_600, 60, 'minute'],
    [86_400, 3_600, 'hour'],
    [Infinity, 86_400, 'day'],
  ] as const;
  const [, size, unit] = steps.find(([max]) => Math.abs(seconds) < max)!;
  return Math.abs(seconds) < 5
    ? 'just now'
    : relative.format(seconds > 0 ? Math.round(seconds / size) : Math.trunc(seconds / size), unit);
}
