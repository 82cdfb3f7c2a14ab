import type { Match } from './form-search.js';

export const REDACTED = '[redacted]';

/** A text in which places are covered. */
export interface Cover {
  text: string;
  /** How many characters after the end of the range a covered place contains. */
  covered: number;
}

const BASE64 = /[A-Za-z0-9+/_-]/;

/** Returns the start of a match, with the character before it if the secret determines a part of that. */
function startOf(text: string, { start, form }: Match): number {
  const before = form.bitsBefore && start > 0 && BASE64.test(text[start - 1]!);
  // It may end an escape sequence of JSON.
  return before && text[start - 2] !== '\\' && !text.startsWith('\\u', start - 6) ? start - 1 : start;
}

const endOf = (text: string, { end, form }: Match): number =>
  form.bitsAfter && end < text.length && BASE64.test(text[end]!) ? end + 1 : end;

/**
 * Replaces the places of matches by `[redacted]`. Places that overlap are replaced as one.
 * @param matches in the order of their starts
 * @param range the part of the text to return; its start belongs to a place that was replaced in the part before
 */
export function cover(text: string, matches: readonly Match[], range = { from: 0, to: text.length }): Cover {
  let result = '';
  // What is before this place is written, or is covered.
  let done = range.from;
  for (const match of matches) {
    const start = startOf(text, match);
    if (start >= range.to) break;
    if (start >= done) result += text.slice(done, start) + (match.quoted ? `"${REDACTED}"` : REDACTED);
    done = Math.max(done, endOf(text, match));
  }
  if (done < range.to) result += text.slice(done, range.to);
  return { text: result, covered: Math.max(0, done - range.to) };
}

const NUMBER = /[-+.0-9eE]/;
const IS_NUMBER = /^[-+.0-9eE]+$/;

/**
 * Returns the matches that can be replaced in a JSON text: those in strings that do not begin inside an escape sequence, and
 * whole numbers, which a string replaces.
 */
export function inJsonText(json: string, matches: readonly Match[]): Match[] | undefined {
  const reader = new StringReader(json);
  const kept: Match[] = [];
  for (const match of matches) {
    if (!match.form.fitsJson) continue;
    const isWhole = reader.moveTo(match.start);
    if (reader.isInString) {
      if (isWhole) kept.push(match);
    } else if (IS_NUMBER.test(match.form.text))
      kept.push({ ...numberAround(json, match), form: match.form, quoted: true });
  }
  return kept.length > 0 ? kept : undefined;
}

function numberAround(json: string, { start, end }: Match): { start: number; end: number } {
  let [from, to] = [start, end];
  while (from > 0 && NUMBER.test(json[from - 1]!)) from -= 1;
  while (to < json.length && NUMBER.test(json[to]!)) to += 1;
  return { start: from, end: to };
}

/** Reads a JSON text once, as far as it knows where strings and escape sequences begin. */
class StringReader {
  private at = 0;
  isInString = false;

  constructor(private readonly json: string) {}

  /** Reads up to a place. @returns false if the place is inside an escape sequence */
  moveTo(place: number): boolean {
    const { json } = this;
    while (this.at < place) {
      const character = json[this.at];
      if (character === '"') this.isInString = !this.isInString;
      this.at += character !== '\\' ? 1 : json[this.at + 1] === 'u' ? 6 : 2;
    }
    return this.at === place;
  }
}
