/**
 * Reads the preference `wait` of the header Prefer (RFC 7240, section 4.3). Other preferences, and a value that is no number
 * of seconds, are ignored, as the RFC demands.
 * @returns the number of seconds; undefined without the preference
 */
export function preferredWait(header: string | undefined): number | undefined {
  // The first one counts if a preference is given twice (section 2).
  for (const preference of (header ?? '').split(',')) {
    const [name = '', value = ''] = preference.split(';')[0]!.split('=');
    if (name.trim().toLowerCase() !== 'wait') continue;
    const seconds = /^\s*"?([0-9]{1,9})"?\s*$/.exec(value)?.[1];
    return seconds === undefined ? undefined : Number(seconds);
  }
  return undefined;
}
