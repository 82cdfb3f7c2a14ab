import type { Form } from './secret-forms.js';

/** No form is shorter. */
export const MIN_LENGTH = 8;
/** A search skips up to this many characters, if no form is shorter. */
const MAX_WINDOW = 32;
/** Up to this length a form is compared with each place where its beginning stands. A longer one is searched in linear time. */
const MAX_COMPARED = 64;
const MIN_SLOTS = 1_024;
const MAX_SLOTS = 65_536;

export interface Match {
  start: number;
  end: number;
  form: Form;
  /** Whether it stands in JSON without quotes. */
  quoted?: boolean;
}

/**
 * Searches texts for many forms at once, after Wu and Manber: it reads two characters, and skips as many as no form
 * allows. The search takes no longer with many forms than with few, and its memory is proportional to the forms. Forms may
 * be added at any time.
 */
export class FormSearch {
  private readonly forms: Form[] = [];
  private readonly known = new Set<string>();
  /** The number of characters by which a form is found: no form is shorter. */
  private window = MAX_WINDOW;
  /** How far the next window may be from one that ends with a pair of characters, by the hash of the pair. */
  private shifts = new Uint8Array(MIN_SLOTS).fill(MAX_WINDOW - 1);
  /** The forms whose first window ends with a pair of characters, by the hash of the pair. */
  private readonly slots = new Map<number, Form[]>();
  /** The forms that begin with a pair of characters, by the hash of the pair. */
  private readonly beginnings = new Map<number, Form[]>();
  /** Whether a form begins with a pair of characters, by the hash of the pair. */
  private starts = new Uint8Array(MIN_SLOTS);
  private readonly firsts = new Set<number>();
  private longest = 0;
  private readonly automata = new Map<Form, Automaton>();

  add(form: Form): void {
    if (form.text.length < MIN_LENGTH || this.known.has(form.text)) return;
    this.known.add(form.text);
    this.forms.push(form);
    this.longest = Math.max(this.longest, form.text.length);
    const window = Math.min(this.window, form.text.length);
    // Seven of eight slots stay free, so that almost all pairs of a text skip a whole window.
    const isFull = this.forms.length * window * 8 > this.shifts.length && this.shifts.length < MAX_SLOTS;
    if (window === this.window && !isFull) {
      this.index(form);
      return;
    }
    this.window = window;
    const size = this.shifts.length * (isFull ? 2 : 1);
    this.shifts = new Uint8Array(size).fill(window - 1);
    this.starts = new Uint8Array(size);
    this.slots.clear();
    this.beginnings.clear();
    for (const each of this.forms) this.index(each);
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
    if (text.length - from >= this.window)
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
    return longest >= this.window ? longest : Math.max(longest, this.shortEnd(text));
  }

  /** Returns the text of a form that a text begins and does not complete; undefined if there is none. */
  continuation(text: string): string | undefined {
    if (text.length < 2) return undefined;
    const pair = hash(text.charCodeAt(0), text.charCodeAt(1)) & (this.starts.length - 1);
    return this.beginnings
      .get(pair)
      ?.find((form) => form.text.length > text.length && form.text.startsWith(text))?.text;
  }

  /** Returns the length of the longest end of a text, shorter than a window, with which a form begins. */
  private shortEnd(text: string): number {
    const { length } = text;
    const mask = this.starts.length - 1;
    for (let at = Math.max(0, length - this.window + 1); at < length - 1; at += 1) {
      const pair = hash(text.charCodeAt(at), text.charCodeAt(at + 1)) & mask;
      if (this.starts[pair] === 0) continue;
      const end = text.slice(at);
      if (
        this.beginnings.get(pair)!.some((form) => form.text.length > end.length && form.text.startsWith(end))
      )
        return end.length;
    }
    return length > 0 && this.firsts.has(text.charCodeAt(length - 1)) ? 1 : 0;
  }

  /** Calls `visit` for each place where the first window of a form may stand. */
  private scan(text: string, from: number, visit: (start: number, form: Form) => void): void {
    const { shifts, window } = this;
    const mask = shifts.length - 1;
    for (let end = from + window - 1; end < text.length;) {
      const pair = hash(text.charCodeAt(end - 1), text.charCodeAt(end)) & mask;
      const shift = shifts[pair]!;
      if (shift > 0) {
        end += shift;
        continue;
      }
      const start = end - window + 1;
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
    const last = this.window - 1;
    const pairAt = (end: number) => hash(form.text.charCodeAt(end - 1), form.text.charCodeAt(end)) & mask;
    for (let end = 1; end <= last; end += 1) {
      const pair = pairAt(end);
      this.shifts[pair] = Math.min(this.shifts[pair]!, last - end);
    }
    append(this.slots, pairAt(last), form);
    append(this.beginnings, pairAt(1), form);
    this.starts[pairAt(1)] = 1;
    this.firsts.add(form.text.charCodeAt(0));
  }
}

function append(slots: Map<number, Form[]>, slot: number, form: Form): void {
  const forms = slots.get(slot);
  if (forms) forms.push(form);
  else slots.set(slot, [form]);
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
