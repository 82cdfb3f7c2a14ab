// C0 but tab and line feed, DEL, C1, and the two overrides of the bidirectional algorithm (Unicode UAX #9).
// oxlint-disable-next-line no-control-regex -- they are what this is about
const HIDDEN = /\r\n|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202d\u202e]/g;

/**
 * Text as it is shown: control characters, such as those of a terminal's escape sequences, become visible signs, so
 * that what is read is what is there. One character may become several; copying takes the text itself.
 */
export const visibleText = (text: string): string => text.replace(HIDDEN, sign);

function sign(found: string): string {
  if (found.length > 1) return found;
  const code = found.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  if (code === 0x202d) return '\u27e8LRO\u27e9';
  if (code === 0x202e) return '\u27e8RLO\u27e9';
  return `\u27e8${code.toString(16).toUpperCase()}\u27e9`;
}
