/** One preference of the header: everything up to a comma that is not inside a quoted string. */
const PREFERENCES = /(?:"(?:[^"\\]|\\.)*"|[^,"])+/g;
const WAIT = /^\s*wait\s*(?:=\s*(?:(\d{1,10})|"(\d{1,10})")\s*)?(?:;.*)?$/is;
const IS_WAIT = /^\s*wait\s*(?:[=;]|$)/i;

/**
 * Reads the preference `wait` from the header Prefer (RFC 7240, section 4.3): how long the client waits for the result.
 * Only the first `wait` counts (section 2). Other preferences and wrong values are ignored.
 * @returns seconds; undefined without the preference
 */
export function preferredWait(header: string | undefined): number | undefined {
  const first = header?.match(PREFERENCES)?.find((preference) => IS_WAIT.test(preference));
  const [, plain, quoted] = (first !== undefined && WAIT.exec(first)) || [];
  const seconds = plain ?? quoted;
  return seconds === undefined ? undefined : Number(seconds);
}
