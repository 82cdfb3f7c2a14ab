/**
 * Reads the delay that a response requests, in ms: `retry-after-ms`, or `Retry-After` in seconds or as a date (RFC 9110,
 * section 10.2.3).
 * @param headers with names in lower case
 * @returns undefined if the headers name no delay, or none that can be parsed
 */
export function retryAfterMs(headers: Readonly<Record<string, string>> | undefined): number | undefined {
  const precise = headers?.['retry-after-ms'];
  if (precise !== undefined && /^\d+(\.\d+)?$/.test(precise)) return Math.ceil(Number(precise));
  const value = headers?.['retry-after'];
  if (value === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Math.ceil(Number(value) * 1000);
  const date = /^[a-z]{3}/i.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(date)) return undefined;
  // Both dates come from the other side's clock, so a difference between the two clocks does not matter.
  const sentAt = Date.parse(headers?.['date'] ?? '');
  return Math.max(0, date - (Number.isNaN(sentAt) ? Date.now() : sentAt));
}
