// The program of the processes that parse and evaluate JSONata and validate by JSON Schema. TransformProcess starts it. Of
// this project it imports only json-schema.realm.ts, so that a process needs permission to read only two files and the libraries.
import { readdirSync, readFileSync } from 'node:fs';
import { constants, createContext, Script } from 'node:vm';
import type { SchemaRealm } from './json-schema.realm.js';

/** A job from the parent process. */
type Job =
  | { kind: 'check'; projectId: string; texts: { kind: 'expression' | 'schema'; text: string }[] }
  | { kind: 'validate'; schema: string; value: string }
  | { kind: 'evaluate'; projectId: string; expression: string; document: string; maxBytes: number }
  | { kind: 'test'; projectId: string; expressions: string[]; document: string };

/** Functions of a project's realm that run its expressions. They accept and return text, never an object. */
interface Realm {
  /** Finds the syntax error of an expression, as JSON; undefined if there is none. */
  check(expression: string): string | undefined;
  /** Evaluates an expression. Resolves to `=` and the result as JSON, or to `!` and the error message. */
  evaluate(expression: string, document: string): Promise<string>;
  /** Evaluates a condition. Resolves to `=true`, to `=false`, or to `!` and the reason why it gave neither. */
  test(expression: string, document: string): Promise<string>;
}

/** The library's marks on its function objects. */
type MarkedFunction = { _jsonata_function?: unknown; _jsonata_lambda?: unknown } | null;

/** Realms that a process keeps. Each takes about half a megabyte. */
const MAX_REALMS = 16;
/** Jobs of one realm before it is replaced, so that an unknown leak between expressions cannot last. */
const MAX_JOBS_PER_REALM = 1_000;
/** Depth of nested calls in an expression. */
const MAX_CALL_DEPTH = 1_000;

/**
 * Freezes a realm, so that no job can leave data for the next one. The function is converted to text and runs in the realm,
 * so it cannot use any other name of this file.
 * @param roots objects that cannot be reached from the global object; they are frozen, too
 */
function lockRealm(roots: readonly unknown[]): void {
  const { defineProperty, freeze, getOwnPropertyDescriptor, getPrototypeOf } = Object;
  const { defineProperty: tryToDefine, deleteProperty, ownKeys } = Reflect;
  const KEPT_GLOBALS = new Set(
    (
      'Object Function Array Number BigInt Boolean String Symbol Date Promise RegExp JSON Math Map Set Infinity NaN undefined ' +
      'Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError globalThis ' +
      'parseFloat parseInt isFinite isNaN decodeURI decodeURIComponent encodeURI encodeURIComponent'
    ).split(' '),
  );
  // The libraries do not need the other globals, and a deleted global need not be frozen.
  for (const name of ownKeys(globalThis))
    if (!KEPT_GLOBALS.has(name as string)) deleteProperty(globalThis, name);
  // Data may have members such as `constructor` or `toString`. If the frozen prototype had plain properties of these
  // names, an object could not be given members of the same names by assignment. Accessors make that possible.
  for (const key of ownKeys(Object.prototype)) {
    const { value } = getOwnPropertyDescriptor(Object.prototype, key) as { value?: unknown };
    if (typeof value !== 'function') continue;
    defineProperty(Object.prototype, key, {
      get: () => value,
      set(this: object, newValue: unknown) {
        const member = { value: newValue, writable: true, enumerable: true, configurable: true };
        if (this === Object.prototype || !tryToDefine(this, key, member))
          throw new TypeError(`${String(key)} cannot be assigned`);
      },
    });
  }
  const iterables = [[], '', new Map(), new Set(), 'a'.matchAll(/a/g)];
  const functions = [async () => undefined, function* () {}, async function* () {}];
  const seen = new Set<unknown>();
  const toVisit: unknown[] = [
    globalThis,
    roots,
    functions,
    iterables.map((iterable) => (iterable as string)[Symbol.iterator]()),
  ];
  while (toVisit.length > 0) {
    const item = toVisit.pop();
    if ((typeof item !== 'object' && typeof item !== 'function') || item === null || seen.has(item)) continue;
    seen.add(item);
    toVisit.push(getPrototypeOf(item));
    for (const key of ownKeys(item)) {
      const property = getOwnPropertyDescriptor(item, key)!;
      toVisit.push(...Object.values(property));
    }
    freeze(item);
  }
}

/**
 * Loads JSONata inside a realm. The function is converted to text and runs in the realm, so it cannot use any other name of
 * this file.
 */
async function setUp(
  load: (module: object, exports: object, window: object) => void,
  maxCallDepth: number,
  lock: typeof lockRealm,
): Promise<Realm> {
  const { parse, stringify } = JSON;
  const { create, defineProperty, getOwnPropertyDescriptor } = Object;
  const { ownKeys } = Reflect;
  const CallRecords = WeakMap<object, Record<string, unknown>>;
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

  // The library needs these functions of the browser. Those of the process would give access to objects outside the realm.
  const btoa = (text: string): string => {
    const parts: string[] = [];
    for (let at = 0; at < text.length; at += 3) {
      const [a, b, c] = [text.charCodeAt(at), text.charCodeAt(at + 1), text.charCodeAt(at + 2)];
      // Codes past the end are NaN, which the bit operations treat as 0.
      if (a > 255 || b > 255 || c > 255) throw { message: 'Invalid character' };
      const bits = (a << 16) | (b << 8) | c;
      const letter = (shift: number) => ALPHABET[(bits >> shift) & 63]!;
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

  // The library's shared state, such as the table of its functions, is in objects that it makes with Object.create.
  const shared: object[] = [];
  Object.create = (prototype: object | null, properties?: PropertyDescriptorMap): object => {
    const created = create(prototype, properties ?? {}) as object;
    shared.push(created);
    return created;
  };
  const module: { exports: object } = { exports: {} };
  load(module, module.exports, { atob, btoa });
  Object.create = create;
  const jsonata = module.exports as (
    text: string,
    options?: object,
  ) => { evaluate(input: unknown): Promise<unknown> };
  const run = (expression: string, input: unknown) =>
    jsonata(expression, { stack: maxCallDepth }).evaluate(input);

  // For its error messages the library stores on each function by which name and where it was last called. These records are
  // kept apart from the frozen function, and for one job only.
  let records = new CallRecords();
  for (const table of shared)
    for (const key of ownKeys(table)) {
      const value = getOwnPropertyDescriptor(table, key)?.value as MarkedFunction | undefined;
      if (value?._jsonata_function !== true) continue;
      for (const name of ['token', 'position'])
        defineProperty(value, name, {
          get: () => records.get(value)?.[name],
          set: (record: unknown) => records.set(value, { ...records.get(value), [name]: record }),
        });
    }
  // A chained function refers to the state that the library shares among all chains, and to a frame: freeze these, too.
  const chain = await run('function($x) { $x } ~> function($x) { $x }', null);
  lock([shared, module, chain]);

  const isFunction = (value: unknown): boolean =>
    typeof value === 'function' ||
    Boolean((value as MarkedFunction)?._jsonata_lambda || (value as MarkedFunction)?._jsonata_function);
  const textOf = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 500) : '');
  const reasonOf = (error: unknown): string => {
    const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
    return [textOf(code), textOf(message)].filter(Boolean).join(': ') || 'unknown error';
  };
  /** Describes a value in a few words. */
  const describe = (value: unknown): string => {
    if (value === undefined) return 'nothing';
    if (isFunction(value)) return 'a function';
    if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
    if (typeof value === 'object' && value !== null) return 'an object';
    return stringify(typeof value === 'string' && value.length > 50 ? `${value.slice(0, 50)}…` : value);
  };
  /** Clears what the library and RegExp remember of an expression. RegExp keeps the last matched text in static properties. */
  const forget = (): void => {
    records = new CallRecords();
    /^.?/.test('');
  };
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
          if (isFunction(value)) throw { message: 'its result contains a function' };
          return value;
        });
        return `=${json}`;
      } catch (error) {
        return `!${reasonOf(error)}`;
      } finally {
        forget();
      }
    },
    async test(expression, document) {
      try {
        const value = await run(expression, parse(document));
        return typeof value === 'boolean' ? `=${value}` : `!gave ${describe(value)} instead of true or false`;
      } catch (error) {
        return `!failed: ${reasonOf(error)}`;
      } finally {
        forget();
      }
    },
  };
}

// The parent passes the paths of the libraries, because this process may not search for them.
const [libraryFile, schemaLibrary] = process.argv.slice(2) as [string, string];
const library = new Script(`(function (module, exports, window) {${readFileSync(libraryFile, 'utf8')}\n})`, {
  filename: libraryFile,
});
/** Compiles a function that runs in realms. */
const toScript = (run: { toString(): string }): Script =>
  new Script(`'use strict'; (${run.toString()})`, { filename: 'realm' });
const lock = toScript(lockRealm);
const setUpRealm = toScript(setUp);
const realms = new Map<string, { realm: Promise<Realm>; jobs: number }>();

// DONT_CONTEXTIFY: the global object belongs to the realm and gives no access to an object of the process.
const newContext = () =>
  createContext(constants.DONT_CONTEXTIFY, { codeGeneration: { strings: false, wasm: false } });

/** Returns the realm of a project. Two projects never share a realm, and no realm can reach an object of the process. */
function realmOf(projectId: string): Promise<Realm> {
  let known = realms.get(projectId);
  realms.delete(projectId);
  if (!known || known.jobs >= MAX_JOBS_PER_REALM) {
    const context = newContext();
    const start = setUpRealm.runInContext(context) as typeof setUp;
    known = {
      realm: start(
        library.runInContext(context) as Parameters<typeof setUp>[0],
        MAX_CALL_DEPTH,
        lock.runInContext(context) as typeof lockRealm,
      ),
      jobs: 0,
    };
  }
  known.jobs += 1;
  realms.set(projectId, known);
  const [oldest] = realms.keys();
  if (realms.size > MAX_REALMS) realms.delete(oldest!);
  return known.realm;
}

let schemaRealm: Promise<SchemaRealm> | undefined;

/**
 * Creates the realm that works with JSON Schema. All projects share it: a schema is data and runs no code, and the realm is
 * frozen against a defect of the library.
 */
async function createSchemaRealm(): Promise<SchemaRealm> {
  const program = import.meta.url.replace('transform.worker', 'json-schema.realm');
  const { setUpSchemas } = (await import(program)) as typeof import('./json-schema.realm.js');
  const files = readdirSync(schemaLibrary)
    .filter((name) => name.endsWith('.js'))
    .map((name) => {
      const source = readFileSync(`${schemaLibrary}/${name}`, 'utf8');
      return `${JSON.stringify(`./${name}`)}: function (exports, require) {${source}\n}`;
    });
  const loader = new Script(
    `(function (URL) {
      const files = {${files.join()}};
      const modules = {};
      const require = (name) => {
        if (!modules[name]) files[name]((modules[name] = {}), require);
        return modules[name];
      };
      return require('./index.js');
    })`,
    { filename: schemaLibrary },
  );
  const context = newContext();
  const start = toScript(setUpSchemas).runInContext(context) as typeof setUpSchemas;
  return start(
    loader.runInContext(context) as Parameters<typeof setUpSchemas>[0],
    (reference, base) => (URL.canParse(reference, base) ? new URL(reference, base).href : undefined),
    lock.runInContext(context) as typeof lockRealm,
  );
}

const schemas = (): Promise<SchemaRealm> => (schemaRealm ??= createSchemaRealm());

/** Resolves when all microtasks have ended. Until a branch of an expression ends, it blocks the next turn of the event loop. */
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function runJob(job: Job): Promise<object> {
  if (job.kind === 'validate') return { json: (await schemas()).validate(job.schema, job.value) };
  if (job.kind === 'check') {
    const problems: unknown[] = [];
    for (const [index, { kind, text }] of job.texts.entries()) {
      const realm = kind === 'schema' ? await schemas() : await realmOf(job.projectId);
      // Report the index first: if the parent has to kill this process, it knows which text is the cause.
      process.send?.({ index });
      problems.push(realm.check(text));
    }
    return { problems };
  }
  const realm = await realmOf(job.projectId);
  if (job.kind === 'test') {
    let outcome: unknown;
    for (const [index, expression] of job.expressions.entries()) {
      // The parent keeps the outcomes before an expression for which it has to kill this process.
      if (index > 0) process.send?.({ index, outcome });
      outcome = await realm.test(expression, job.document).catch(() => '!failed: unknown error');
      // A branch of this expression that never ends must not run during the next expression.
      await nextTurn();
    }
    return { outcome };
  }
  const outcome: unknown = await realm.evaluate(job.expression, job.document);
  if (typeof outcome !== 'string') return { error: 'unknown error' };
  if (outcome.startsWith('!')) return { error: outcome.slice(1) };
  if (Buffer.byteLength(outcome) - 1 > job.maxBytes)
    return { error: `its result is longer than ${job.maxBytes} bytes (OUTPUT_MAX_BYTES)` };
  return { json: outcome.slice(1) };
}

process.on('message', (job: Job) => {
  void runJob(job)
    .catch(() => ({ error: 'unknown error' }))
    .then(async (answer) => {
      // Answer only after all microtasks of the expression have ended. A branch that never ends then blocks this answer, and
      // cannot run during the next job.
      await nextTurn();
      process.send?.(answer);
    });
});
// The server has exited.
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });
