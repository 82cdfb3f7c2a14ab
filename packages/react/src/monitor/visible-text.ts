/**
 * Invisible characters: controls except tab and line feed, format characters (Unicode category Cf) except the visible
 * Arabic number signs, line and paragraph separators, variation selectors, tags, and blank letters. They include every
 * character that changes the direction of text (UAX #9).
 */
const INVISIBLE =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class -- the pattern has to match them
  /\r\n|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\u{13430}-\u{1343f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;

const NAMES: Record<number, string> = {
  0x061c: 'ALM',
  0x200b: 'ZWSP',
  0x200c: 'ZWNJ',
  0x200d: 'ZWJ',
  0x200e: 'LRM',
  0x200f: 'RLM',
  0x202a: 'LRE',
  0x202b: 'RLE',
  0x202c: 'PDF',
  0x202d: 'LRO',
  0x202e: 'RLO',
  0x2060: 'WJ',
  0x2066: 'LRI',
  0x2067: 'RLI',
  0x2068: 'FSI',
  0x2069: 'PDI',
  0xfeff: 'BOM',
};

const EMOJI_BEFORE = /[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f\u{e007f}]$/u;
/** Letters of scripts that are written with joiners. Latin, Greek and Cyrillic are not. */
const JOINED_BEFORE = /(?!\p{sc=Latin}|\p{sc=Greek}|\p{sc=Cyrillic}|\p{sc=Inherited})[\p{L}\p{M}]$/u;
const VARIED_BEFORE =
  /[\p{Extended_Pictographic}0-9#*\p{Sm}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Mongolian}\p{sc=Myanmar}]$/u;
/** The flags of England, Scotland and Wales are a black flag followed by tags. */
const FLAG_BEFORE = /\u{1f3f4}[\u{e0020}-\u{e007e}]*$/u;

/** Number of preceding characters that are checked to decide whether a character belongs to a word or an emoji. */
const CONTEXT_LENGTH = 16;

/**
 * Replaces invisible characters by visible signs (`␛`, `⟨RLO⟩`, `⟨U+00AD⟩`), so that a text cannot look different from
 * what it contains. Invisible are, for example, terminal escape sequences and characters that change the writing
 * direction. Joiners and selectors stay where a script or an emoji needs them. The result can be longer than the text, so
 * copy the original text.
 */
export const visibleText = (text: string): string =>
  text.replace(INVISIBLE, (found, offset: number) =>
    found === '\r\n' || belongs(found, text.slice(Math.max(0, offset - CONTEXT_LENGTH), offset))
      ? found
      : sign(found.codePointAt(0) ?? 0),
  );

function belongs(found: string, before: string): boolean {
  const code = found.codePointAt(0) ?? 0;
  if (code === 0x200d) return EMOJI_BEFORE.test(before) || JOINED_BEFORE.test(before);
  if (code === 0x200c) return JOINED_BEFORE.test(before);
  if (code >= 0xfe00 && code <= 0xfe0f) return VARIED_BEFORE.test(before);
  if (code >= 0xe0100 && code <= 0xe01ef) return VARIED_BEFORE.test(before);
  if (code >= 0x180b && code <= 0x180f) return VARIED_BEFORE.test(before);
  return code >= 0xe0020 && code <= 0xe007f && FLAG_BEFORE.test(before);
}

function sign(code: number): string {
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  if (code < 0xa0) return `\u27e8${code.toString(16).toUpperCase()}\u27e9`;
  const name = NAMES[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return `\u27e8${name}\u27e9`;
}
