/** A range of a text from `start` up to, but not including, `end`. */
export interface Range {
  start: number;
  end: number;
}

export type JsonSource =
  { ok: true; value: unknown; rangeOf: (path: string) => Range } | { ok: false; message: string; at: number };

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// oxlint-disable-next-line no-control-regex -- JSON forbids them in strings
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;
const WORDS: [string, unknown][] = [
  ['true', true],
  ['false', false],
  ['null', null],
];
const MAX_DEPTH = 500;

class SourceError extends Error {
  constructor(
    message: string,
    readonly at: number,
  ) {
    super(message);
  }
}

/** Parses JSON (RFC 8259) and records the position of each value, so that problems can be shown in the text. */
export function readJson(text: string): JsonSource {
  const reader = new Reader(text);
  try {
    const value = reader.document();
    return { ok: true, value, rangeOf: (path) => reader.rangeOf(path) };
  } catch (error) {
    if (error instanceof SourceError) return { ok: false, message: error.message, at: error.at };
    throw error;
  }
}

class Reader {
  private at = 0;
  private depth = 0;
  private readonly ranges = new Map<string, Range>();

  constructor(private readonly text: string) {}

  document(): unknown {
    const value = this.value('');
    if (this.at < this.text.length) throw this.error('No text is allowed after the JSON value');
    return value;
  }

  /** Returns the range of the value at `path`, or of the nearest enclosing value that exists. */
  rangeOf(path: string): Range {
    for (let name = path; ; name = name.slice(0, Math.max(name.lastIndexOf('.'), 0))) {
      const range = this.ranges.get(name);
      if (range) return range;
      if (name === '') return { start: 0, end: 0 };
    }
  }

  private value(path: string): unknown {
    this.take(SPACE);
    const start = this.at;
    this.depth += 1;
    if (this.depth > MAX_DEPTH) throw this.error('This value is nested too deeply');
    const value = this.parseValue(path);
    this.depth -= 1;
    this.ranges.set(path, { start, end: this.at });
    this.take(SPACE);
    return value;
  }

  private parseValue(path: string): unknown {
    const first = this.text[this.at];
    if (first === '{') return this.object(path);
    if (first === '[') return this.array(path);
    if (first === '"') return this.string();
    for (const [word, value] of WORDS) {
      if (!this.text.startsWith(word, this.at)) continue;
      this.at += word.length;
      return value;
    }
    const number = this.take(NUMBER);
    if (number !== '') return Number(number);
    throw this.error(
      first === undefined ? 'The JSON ends too early: a value is missing' : 'A value is missing here',
    );
  }

  private object(path: string): unknown {
    const entries: [string, unknown][] = [];
    this.list('}', () => {
      if (this.text[this.at] !== '"') throw this.error('A name in double quotes is missing here');
      const name = this.string();
      this.take(SPACE);
      if (this.text[this.at] !== ':') throw this.error('A colon is missing after the name');
      this.at += 1;
      entries.push([name, this.value(join(path, name))]);
    });
    // Object.fromEntries treats "__proto__" like any other name.
    return Object.fromEntries(entries);
  }

  private array(path: string): unknown[] {
    const items: unknown[] = [];
    this.list(']', () => items.push(this.value(join(path, String(items.length)))));
    return items;
  }

  private list(end: string, item: () => void): void {
    this.at += 1;
    this.take(SPACE);
    if (this.text[this.at] === end) {
      this.at += 1;
      return;
    }
    for (;;) {
      item();
      const next = this.text[this.at];
      if (next !== ',' && next !== end)
        throw this.error(
          next === undefined
            ? `The JSON ends too early: ${end} is missing`
            : `A comma or ${end} is missing here`,
        );
      this.at += 1;
      if (next === end) return;
      this.take(SPACE);
      if (this.text[this.at] === end) throw this.error('A comma is not allowed before the end of a list');
    }
  }

  private string(): string {
    const found = this.take(STRING);
    if (found === '')
      throw this.error('This string does not end on its line, or contains a character that must be escaped');
    return JSON.parse(found) as string;
  }

  private take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  private error(message: string): SourceError {
    return new SourceError(`${message}.`, this.at);
  }
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

/** Returns the line and column of an offset. Both count from 1. */
export function lineAndColumn(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') };
}
