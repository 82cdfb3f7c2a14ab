import { visibleText } from './visible-text.js';

const DIRECTION = [
  0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069,
];

describe('visibleText', () => {
  it.each([
    ['plain\ttext\nand lines\r\n', 'plain\ttext\nand lines\r\n'],
    ['␛[31mred␛[0m', '\u001b[31mred\u001b[0m'],
    ['a␀b', 'a\u0000b'],
    ['over␍written', 'over\rwritten'],
    ['␡⟨9B⟩', '\u007f\u009b'],
    ['invoice⟨RLO⟩fdp.exe', 'invoice\u202efdp.exe'],
    ['⟨LRI⟩isolated⟨PDI⟩', '\u2066isolated\u2069'],
    ['שלום ⟨RLM⟩😀', 'שלום \u200f😀'],
    ['pass⟨U+00AD⟩word', 'pass\u00adword'],
    ['ad⟨ZWSP⟩min', 'ad\u200bmin'],
    ['ad⟨ZWJ⟩min ad⟨ZWNJ⟩min', 'ad\u200dmin ad\u200cmin'],
    ['⟨BOM⟩start', '\ufeffstart'],
    ['one⟨U+2028⟩two', 'one\u2028two'],
    ['blank⟨U+3164⟩', 'blank\u3164'],
    ['a⟨U+FE0F⟩b⟨U+E0101⟩', 'a\ufe0fb\u{e0101}'],
    ['hi⟨U+E0068⟩⟨U+E0069⟩', 'hi\u{e0068}\u{e0069}'],
  ])('returns %j', (shown, text) => {
    expect(visibleText(text)).toBe(shown);
  });

  it('names every character that changes the writing direction', () => {
    for (const code of DIRECTION)
      expect(visibleText(`a${String.fromCharCode(code)}b`)).toMatch(/^a⟨[A-Z]{3}⟩b$/);
  });

  it.each([
    ['a family', '👨‍👩‍👧'],
    ['a heart and a keycap', '❤️ 1️⃣'],
    ['a waving person with a skin tone', '🧑🏽‍🚀'],
    ['the flag of Scotland', '🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}'],
    ['Persian with a non-joiner', 'می‌خواهم'],
    ['Sinhala with a joiner', 'ශ්‍රී'],
    ['a Han variant', '葛\u{e0100}'],
    ['Arabic numbers', '\u0600١٢'],
  ])('does not change %s', (_what, text) => {
    expect(visibleText(text)).toBe(text);
  });

  it('replaces every invisible character of a long text', () => {
    const text = `${'x'.repeat(99)}\u202e`.repeat(10_000);
    expect(visibleText(text)).toHaveLength(text.length + 4 * 10_000);
  });
});
