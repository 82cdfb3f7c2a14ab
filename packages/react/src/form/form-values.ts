import type { Json } from '@cloutagent/contract';
import type { FormField } from './form-fields.js';

/** What the user has typed into a field: text, a checked box, the items of a list, or the members of a group. */
export type Typed = string | boolean | readonly Typed[] | { readonly [name: string]: Typed };

/** A problem at a field. `path` has the names and indexes from the form's root: `['address', 'city']`. */
export interface FieldProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** Returns what a field shows at first: its default, or nothing. */
export function initialOf(field: FormField, value: Json | undefined = field.initial): Typed {
  switch (field.kind) {
    case 'text':
      return typeof value === 'string' ? (field.input === 'date-time' ? toLocal(value) : value) : '';
    case 'number':
      return typeof value === 'number' ? String(value) : '';
    case 'boolean':
      return value === true;
    case 'choice': {
      const index = value === undefined ? -1 : field.choices.findIndex((choice) => choice.value === value);
      return index === -1 ? '' : String(index);
    }
    case 'list':
      return Array.isArray(value) ? value.map((item) => initialOf(field.item, item)) : [];
    case 'group': {
      const members = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
      return Object.fromEntries(
        field.fields.map((one) => [one.name, initialOf(one, ownOf(members, one.name) ?? one.initial)]),
      );
    }
    case 'json':
      return value === undefined ? '' : JSON.stringify(value, null, 2);
  }
}

const ownOf = (members: { readonly [name: string]: Json }, name: string): Json | undefined =>
  Object.hasOwn(members, name) ? members[name] : undefined;

interface FormValue {
  value: Json | undefined;
  problems: FieldProblem[];
}

/**
 * Returns the value that the user has typed, and what prevents it from being one. `value` is undefined for an optional
 * field that is empty: it is left out. The server checks the value against the schema.
 */
export function valueOf(field: FormField, typed: Typed, path: readonly string[] = []): FormValue {
  const wrong = (message: string): FormValue => ({ value: undefined, problems: [{ path, message }] });
  const right = (value: Json | undefined): FormValue => ({ value, problems: [] });
  if (typed === '' && field.kind !== 'group' && field.kind !== 'list')
    return field.required
      ? wrong(field.kind === 'choice' ? 'Choose a value.' : 'Enter a value.')
      : right(undefined);
  const text = typeof typed === 'string' ? typed : '';
  switch (field.kind) {
    case 'text':
      return field.input === 'date-time' ? dateTime(text, right, wrong) : right(text);
    case 'number': {
      const number = Number(text);
      if (!Number.isFinite(number) || text.trim() === '') return wrong('Enter a number.');
      return field.integer && !Number.isInteger(number) ? wrong('Enter a whole number.') : right(number);
    }
    case 'boolean':
      return right(typed === true);
    case 'choice':
      return right(field.choices[Number(text)]?.value);
    case 'list': {
      const items = Array.isArray(typed) ? (typed as readonly Typed[]) : [];
      const read = items.map((item, index) => valueOf(field.item, item, [...path, String(index)]));
      const problems = read.flatMap((one) => one.problems);
      if (items.length === 0 && !field.required) return right(undefined);
      return { value: problems.length > 0 ? undefined : read.map(({ value }) => value ?? null), problems };
    }
    case 'group': {
      const members = typed as { readonly [name: string]: Typed };
      const read = field.fields.map(
        (one) => [one.name, valueOf(one, members[one.name] ?? '', [...path, one.name])] as const,
      );
      // An optional group that is empty is left out, whatever its fields require.
      const isEmpty = field.fields.every((one) => isUntouched(one, members[one.name] ?? ''));
      if (!field.required && isEmpty) return right(undefined);
      const problems = read.flatMap(([, one]) => one.problems);
      const entries = read.flatMap(([name, { value }]): [string, Json][] =>
        value === undefined ? [] : [[name, value]],
      );
      return { value: problems.length > 0 ? undefined : Object.fromEntries(entries), problems };
    }
    case 'json':
      try {
        return right(JSON.parse(text) as Json);
      } catch {
        return wrong('Enter valid JSON, for example "text", 12 or { "name": "value" }.');
      }
  }
}

const isUntouched = (field: FormField, typed: Typed): boolean =>
  field.initial === undefined &&
  (typed === '' || typed === false || (Array.isArray(typed) && typed.length === 0));

/** Converts the local time of an input to a date-time with offset (RFC 3339). */
function dateTime(
  typed: string,
  right: (value: Json) => FormValue,
  wrong: (message: string) => FormValue,
): FormValue {
  const time = new Date(typed);
  return Number.isNaN(time.getTime()) ? wrong('Enter a date and a time.') : right(time.toISOString());
}

/** Converts a date-time to the local time that an input shows. */
function toLocal(value: string): string {
  const time = new Date(value);
  if (Number.isNaN(time.getTime())) return '';
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}

/**
 * Returns the problems of a response of the server, without those that are not in the form.
 * @param prefix the member of the answer that holds the form's value: `values` or `body`
 */
export function problemsBelow(
  errors: readonly { path: string; message: string }[],
  prefix: string,
): FieldProblem[] {
  return errors.flatMap(({ path, message }) => {
    const [first, ...rest] = path.split('.');
    return first === prefix ? [{ path: rest, message }] : [];
  });
}

/** Returns the problems of a member, with paths that begin below it. */
export const problemsOf = (problems: readonly FieldProblem[], name: string): FieldProblem[] =>
  problems.flatMap(({ path, message }) => (path[0] === name ? [{ path: path.slice(1), message }] : []));
