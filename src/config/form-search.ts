import type { Form } from './secret-forms.js';

/** The number of characters by which a form is found. No form is shorter. */
export const WINDOW = 8;
/** Up to this length a form is compared with each place where its beginning stands. A longer one is searched in linear time. */
const MAX_COMPARED = 64;
const MAX_SLOTS = 65_536;
/** The number of pairs of characters in a window. Each one takes a slot. */
const PAIRS = WINDOW - 1;

export interface Match {
  start: number;
  end: number;
  form: Form;
  /** Whether it stands in JSON without quotes. */
  quoted?: boolean;
}

/**
 * Searches texts for many forms at once, after Wu and Manber: it looks at two characters, and skips as many as no form
 * allows. The search takes no longer with many forms than with few, and its memory is proportional to the forms. Forms may
 * be added at any time.
 */
export class FormSearch {
  private readonly forms: Form[] = [];
  private readonly known = new Set<string>();
  /** How far the next window may be from one that ends with a pair of characters, by the hash of the pair. */
  private shifts = new Uint8Array(1_024).fill(PAIRS);
  /** The forms whose first window ends with a pair of characters, by the hash of the pair. */
  private readonly slots = new Map<number, Form[]>();
  /** The beginnings of forms that are shorter than a window. */
  private readonly beginnings = new Set<string>();
  /** Their lengths as bits, by their last character. */
  private readonly lengths = new Map<number, number>();
  private longest = 0;
  private readonly automata = new Map<Form, Automaton>();

  add(form: Form): void {
    if (form.text.length < WINDOW || this.known.has(form.text)) return;
    this.known.add(form.text);
    this.forms.push(form);
    this.longest = Math.max(this.longest, form.text.length);
    for (let length = 1; length < WINDOW; length += 1) {
      this.beginnings.add(form.text.slice(0, length));
      const last = form.text.charCodeAt(length - 1);
      this.lengths.set(last, (this.lengths.get(last) ?? 0) | (1 << length));
    }
    if (this.forms.length * PAIRS * 8 > this.shifts.length && this.shifts.length < MAX_SLOTS) this.grow();
    else this.index(form);
  }

  /** Finds all occurrences, also those that overlap, in the order of their starts. */
  find(text: string): Match[] | undefined {
    let found: Match[] | undefined;
    const scans = new Map<Form, Occurrences>();
    this.scan(text, 0, (start, form) => {
      if (!this.isAt(text, start, form, scans)) return;
      found ??= [];
      found.push({ start, end: start + form.text.length, form });
    });
    return found;
  }

  /** Returns how many characters at the end of a text begin a form that is longer. */
  openEnd(text: string): number {
    let longest = 0;
    const searched = new Set<Form>();
    const from = Math.max(0, text.length - this.longest + 1);
    if (text.length - from >= WINDOW)
      this.scan(text, from, (start, form) => {
        const length = text.length - start;
        if (length <= longest || searched.has(form)) return;
        if (form.text.length <= MAX_COMPARED) {
          if (length < form.text.length && form.text.startsWith(text.slice(start))) longest = length;
          return;
        }
        searched.add(form);
        longest = Math.max(longest, this.automaton(form).open(text, start));
      });
    return longest >= WINDOW ? longest : Math.max(longest, this.shortEnd(text));
  }

  /** Returns the length of the longest end of a text, shorter than a window, with which a form begins. */
  private shortEnd(text: string): number {
    const lengths = text.length === 0 ? undefined : this.lengths.get(text.charCodeAt(text.length - 1));
    if (lengths === undefined) return 0;
    for (let length = Math.min(WINDOW - 1, text.length); length > 0; length -= 1)
      if ((lengths & (1 << length)) !== 0 && this.beginnings.has(text.slice(-length))) return length;
    return 0;
  }

  /** Calls `visit` for each place where the first window of a form may stand. */
  private scan(text: string, from: number, visit: (start: number, form: Form) => void): void {
    const { shifts } = this;
    const mask = shifts.length - 1;
    for (let end = from + WINDOW - 1; end < text.length;) {
      const pair = hash(text.charCodeAt(end - 1), text.charCodeAt(end)) & mask;
      const shift = shifts[pair]!;
      if (shift > 0) {
        end += shift;
        continue;
      }
      const start = end - WINDOW + 1;
      for (const form of this.slots.get(pair)!) visit(start, form);
      end += 1;
    }
  }

  private isAt(text: string, start: number, form: Form, scans: Map<Form, Occurrences>): boolean {
    if (form.text.length <= MAX_COMPARED) return text.startsWith(form.text, start);
    if (!text.startsWith(form.text.slice(0, MAX_COMPARED), start)) return false;
    let scan = scans.get(form);
    if (!scan) scans.set(form, (scan = new Occurrences(text, start, this.automaton(form))));
    return scan.isAt(start);
  }

  private automaton(form: Form): Automaton {
    let automaton = this.automata.get(form);
    if (!automaton) this.automata.set(form, (automaton = new Automaton(form.text)));
    return automaton;
  }

  private index(form: Form): void {
    const mask = this.shifts.length - 1;
    for (let end = 1; end < WINDOW; end += 1) {
      const pair = hash(form.text.charCodeAt(end - 1), form.text.charCodeAt(end)) & mask;
      this.shifts[pair] = Math.min(this.shifts[pair]!, WINDOW - 1 - end);
      if (end < WINDOW - 1) continue;
      const slot = this.slots.get(pair);
      if (slot) slot.push(form);
      else this.slots.set(pair, [form]);
    }
  }

  private grow(): void {
    this.shifts = new Uint8Array(this.shifts.length * 2).fill(PAIRS);
    this.slots.clear();
    for (const form of this.forms) this.index(form);
  }
}

const hash = (first: number, second: number): number => (first << 5) ^ (first << 9) ^ second;

/** A form as an automaton, after Knuth, Morris and Pratt: it reads each character of a text once. */
class Automaton {
  /** The length of the longest beginning of the form that also ends it, by the length of its part. */
  private readonly borders: Int32Array;

  constructor(readonly form: string) {
    this.borders = new Int32Array(form.length + 1);
    for (let length = 1; length < form.length; length += 1)
      this.borders[length + 1] = this.step(this.borders[length]!, form.charCodeAt(length));
  }

  /** Returns how many characters of the form stand before the place after a character. */
  step(matched: number, character: number): number {
    let length = matched === this.form.length ? this.borders[matched]! : matched;
    while (length > 0 && this.form.charCodeAt(length) !== character) length = this.borders[length]!;
    return this.form.charCodeAt(length) === character ? length + 1 : 0;
  }

  /** Returns how many characters at the end of a text begin the form, and do not complete it. */
  open(text: string, from: number): number {
    let matched = 0;
    for (let at = from; at < text.length; at += 1) matched = this.step(matched, text.charCodeAt(at));
    return matched === this.form.length ? this.borders[matched]! : matched;
  }
}

/** The occurrences of one form in one text, in their order. */
class Occurrences {
  private matched = 0;
  private start = -1;

  constructor(
    private readonly text: string,
    private next: number,
    private readonly automaton: Automaton,
  ) {}

  /** Whether the form stands at a place. The places of all calls must be in order. */
  isAt(place: number): boolean {
    const { form } = this.automaton;
    while (this.start < place && this.next < this.text.length) {
      this.matched = this.automaton.step(this.matched, this.text.charCodeAt(this.next));
      this.next += 1;
      if (this.matched === form.length) this.start = this.next - form.length;
    }
    return this.start === place;
  }
}
