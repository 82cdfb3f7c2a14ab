// The program of the processes that parse and evaluate JSONata; TransformWorkers starts them. It imports nothing of this
// project, so that a process may read this file and the library and no other file.
import { readFileSync } from 'node:fs';
import { constants, createContext, Script } from 'node:vm';

/** What a process is asked to do. */
type Job =
  | { kind: 'check'; projectId: string; expressions: string[] }
  | { kind: 'evaluate'; projectId: string; expression: string; document: string; mostBytes: number };

/** What a project's expressions are run by: functions of the project's realm. They take and give text, never an object. */
interface Realm {
  /** What is wrong with the syntax of an expression, as JSON. */
  check(expression: string): string | undefined;
  /** `=` and the result as JSON, or `!` and what went wrong. */
  evaluate(expression: string, document: string): Promise<string>;
}

/** What the library marks functions by. */
type Marked = { _jsonata_function?: unknown; _jsonata_lambda?: unknown } | null;

/** Realms that a process keeps; each takes about half a megabyte. */
const MOST_REALMS = 16;
/** Jobs of one realm. What an expression could leave there in spite of everything does not stay for long. */
const MOST_JOBS = 1_000;
const MOST_CALLS = 1_000;

/**
 * Loads the library inside a realm and freezes everything there, so that no expression leaves anything for the next one.
 * It runs in the realm, from its own text: it can name nothing of this file.
 */
async function setUp(
  load: (module: object, exports: object, window: object) => void,
  mostCalls: number,
): Promise<Realm> {
  const { parse, stringify } = JSON;
  const { create, defineProperty, freeze, getOwnPropertyDescriptor, getPrototypeOf } = Object;
  const { defineProperty: tryToDefine, deleteProperty, ownKeys } = Reflect;
  const KEPT_GLOBALS = new Set(
    (
      'Object Function Array Number Boolean String Symbol Date Promise RegExp JSON Math Map Set Infinity NaN undefined ' +
      'Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError globalThis ' +
      'parseFloat parseInt isFinite isNaN decodeURI decodeURIComponent encodeURI encodeURIComponent'
    ).split(' '),
  );
  const Notes = WeakMap<object, Record<string, unknown>>;
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

  // In place of those of the browser, which are functions of the process and would lead out of the realm.
  const btoa = (text: string): string => {
    const parts: string[] = [];
    for (let at = 0; at < text.length; at += 3) {
      const [a, b, c] = [text.charCodeAt(at), text.charCodeAt(at + 1), text.charCodeAt(at + 2)];
      // Past the end they are NaN, which counts as 0.
      if (a > 255 || b > 255 || c > 255) throw { message: 'Invalid character' };
      const bits = (a << 16) | (b << 8) | c;
      const letter = (place: number) => ALPHABET[(bits >> place) & 63]!;
      parts.push(
        letter(18) +
          letter(12) +
          (at + 1 < text.length ? letter(6) : '=') +
          (at + 2 < text.length ? letter(0) : '='),
      );
    }
    return parts.join('');
  };
  const atob = (text: string): string => {
    const plain = text.replace(/[\t\n\f\r ]/g, '');
    const letters = plain.length % 4 === 0 ? plain.replace(/==?$/, '') : plain;
    if (letters.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(letters))
      throw { message: 'The string to be decoded is not correctly encoded.' };
    const parts: string[] = [];
    let bits = 0;
    for (let at = 0; at < letters.length; at += 1) {
      bits = ((bits << 6) | ALPHABET.indexOf(letters[at]!)) & 0xffffff;
      if (at % 4 > 0) parts.push(String.fromCharCode((bits >> (6 - 2 * (at % 4))) & 255));
    }
    return parts.join('');
  };

  // What the library keeps for all expressions hangs on objects without a prototype, such as the table of its functions.
  const kept: object[] = [];
  Object.create = (prototype: object | null, properties?: PropertyDescriptorMap): object => {
    const made = create(prototype, properties ?? {}) as object;
    kept.push(made);
    return made;
  };
  const module: { exports: object } = { exports: {} };
  load(module, module.exports, { atob, btoa });
  Object.create = create;
  const jsonata = module.exports as (
    text: string,
    options?: object,
  ) => { evaluate(input: unknown): Promise<unknown> };
  const run = (expression: string, input: unknown) =>
    jsonata(expression, { stack: mostCalls }).evaluate(input);

  /** Freezes objects and all that can be reached from them. */
  const harden = (roots: readonly unknown[]): void => {
    const seen = new Set<unknown>();
    const open = [...roots];
    while (open.length > 0) {
      const item = open.pop();
      if ((typeof item !== 'object' && typeof item !== 'function') || item === null || seen.has(item))
        continue;
      seen.add(item);
      open.push(getPrototypeOf(item));
      for (const key of ownKeys(item)) {
        const property = getOwnPropertyDescriptor(item, key)!;
        open.push(...Object.values(property));
      }
      freeze(item);
    }
  };
  // The library does without the rest, and what is not there need not be frozen.
  for (const name of ownKeys(globalThis))
    if (!KEPT_GLOBALS.has(name as string)) deleteProperty(globalThis, name);
  // Data may have members such as `constructor` or `toString`. With a frozen prototype that has plain ones, they could
  // not be assigned.
  for (const key of ownKeys(Object.prototype)) {
    const { value } = getOwnPropertyDescriptor(Object.prototype, key) as { value?: unknown };
    if (typeof value !== 'function') continue;
    defineProperty(Object.prototype, key, {
      get: () => value,
      set(this: object, given: unknown) {
        const member = { value: given, writable: true, enumerable: true, configurable: true };
        if (this === Object.prototype || !tryToDefine(this, key, member))
          throw new TypeError(`${String(key)} cannot be assigned`);
      },
    });
  }
  // The library notes on a function by what name and where it was called last, for its messages: that is for one job.
  let notes = new Notes();
  for (const table of kept)
    for (const key of ownKeys(table)) {
      const value = getOwnPropertyDescriptor(table, key)?.value as Marked | undefined;
      if (value?._jsonata_function !== true) continue;
      for (const name of ['token', 'position'])
        defineProperty(value, name, {
          get: () => notes.get(value)?.[name],
          set: (note: unknown) => notes.set(value, { ...notes.get(value), [name]: note }),
        });
    }
  const iterables = [[], '', new Map(), new Set(), 'a'.matchAll(/a/g)];
  const functions = [async () => undefined, function* () {}, async function* () {}];
  // A function that was chained holds what the library made for all chains, and a frame.
  const chain = await run('function($x) { $x } ~> function($x) { $x }', null);
  harden([
    globalThis,
    kept,
    module,
    chain,
    functions,
    iterables.map((iterable) => (iterable as string)[Symbol.iterator]()),
  ]);

  const isFunction = (value: unknown): boolean =>
    typeof value === 'function' ||
    Boolean((value as Marked)?._jsonata_lambda || (value as Marked)?._jsonata_function);
  const textOf = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 500) : '');
  return {
    check(expression) {
      try {
        jsonata(expression);
        return undefined;
      } catch (error) {
        const { message, position } = (error ?? {}) as { message?: unknown; position?: unknown };
        return stringify({ message: textOf(message), ...(typeof position === 'number' && { position }) });
      }
    },
    async evaluate(expression, document) {
      try {
        const result = await run(expression, parse(document));
        const json = stringify(result ?? null, (_key, value: unknown) => {
          if (isFunction(value)) throw { message: 'its result holds a function' };
          return value;
        });
        return `=${json}`;
      } catch (error) {
        const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
        return `!${[textOf(code), textOf(message)].filter(Boolean).join(': ') || 'unknown error'}`;
      } finally {
        notes = new Notes();
        // RegExp keeps the text that was matched last.
        /^.?/.test('');
      }
    },
  };
}

// Named by the parent: this process may not look for it.
const file = process.argv[2] as string;
const library = new Script(`(function (module, exports, window) {${readFileSync(file, 'utf8')}\n})`, {
  filename: file,
});
const setUpRealm = new Script(`'use strict'; (${setUp.toString()})`, { filename: 'realm' });
const realms = new Map<string, { realm: Promise<Realm>; jobs: number }>();

/** The realm of a project. Two projects never share one, and no realm knows an object of the process. */
function realmOf(projectId: string): Promise<Realm> {
  let known = realms.get(projectId);
  realms.delete(projectId);
  if (!known || known.jobs >= MOST_JOBS) {
    // Not contextified: its global object is one of the realm and leads to no object of the process.
    const context = createContext(constants.DONT_CONTEXTIFY, {
      codeGeneration: { strings: false, wasm: false },
    });
    const start = setUpRealm.runInContext(context) as typeof setUp;
    known = {
      realm: start(library.runInContext(context) as Parameters<typeof setUp>[0], MOST_CALLS),
      jobs: 0,
    };
  }
  known.jobs += 1;
  realms.set(projectId, known);
  const [oldest] = realms.keys();
  if (realms.size > MOST_REALMS) realms.delete(oldest!);
  return known.realm;
}

async function answer(job: Job): Promise<object> {
  const realm = await realmOf(job.projectId);
  if (job.kind === 'check') {
    const problems = job.expressions.map((expression, index) => {
      // If the parent has to end this process, it knows by which one.
      process.send?.(index);
      return realm.check(expression);
    });
    return { problems };
  }
  const outcome: unknown = await realm.evaluate(job.expression, job.document);
  if (typeof outcome !== 'string') return { error: 'unknown error' };
  if (outcome.startsWith('!')) return { error: outcome.slice(1) };
  if (Buffer.byteLength(outcome) - 1 > job.mostBytes)
    return { error: `its result is longer than ${job.mostBytes} bytes (OUTPUT_MAX_BYTES)` };
  return { json: outcome.slice(1) };
}

process.on('message', (job: Job) => {
  void answer(job)
    .catch(() => ({ error: 'unknown error' }))
    .then((outcome) => {
      // Not before everything that the expression started has ended: a part of it that never does must not meet the next job.
      setImmediate(() => process.send?.(outcome));
    });
});
// The server has ended.
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });
