/** Length of a time in the data of an event. */
export const TIMESTAMP_LENGTH = '2026-01-01T00:00:00.000Z'.length;

/** Returns how the data of an event begins that `encodeEvent` made. The time follows. */
export const dataPrefix = (executionId: string): string => `{"executionId":"${executionId}","timestamp":"`;

/**
 * Reads the time in the data of an event.
 * @param prefix as `dataPrefix` returns it
 * @returns ms since 1970; undefined unless the time can be written back as the same text
 */
export function timeOf(data: string, prefix: string): number | undefined {
  if (!data.startsWith(prefix)) return undefined;
  const text = data.slice(prefix.length, prefix.length + TIMESTAMP_LENGTH);
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString() === text ? time : undefined;
}
