/**
 * How long the other side asks to wait, in ms: `retry-after-ms`, or `Retry-After` as seconds or as a date
 * (RFC 9110, section 10.2.3). Undefined when it doesn't say, or says nothing sensible.
 * @param headers with lower-case names
 */
export function retryAfterMs(headers: Readonly<Record<string, string>> | undefined): number | undefined {
  const precise = headers?.['retry-after-ms'];
  if (precise !== undefined && /^\d+(\.\d+)?$/.test(precise)) return Math.ceil(Number(precise));
  const value = headers?.['retry-after'];
  if (value === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Math.ceil(Number(value) * 1000);
  const date = /^[a-z]{3}/i.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(date)) return undefined;
  // Both dates are of the other side's clock, so that neither ours nor its error counts.
  const sent = Date.parse(headers?.['date'] ?? '');
  return Math.max(0, date - (Number.isNaN(sent) ? Date.now() : sent));
}
