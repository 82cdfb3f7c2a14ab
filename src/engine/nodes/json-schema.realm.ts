// Runs inside a realm of the worker processes, which has no access to the process. The worker converts `setUpSchemas` to
// text, so the function cannot use any other name of this file.

/** Functions of a realm that work with JSON Schema. They accept and return text, never an object. */
export interface SchemaRealm {
  /** Finds what is wrong with a schema: a list of SchemaProblem, as JSON. */
  check(schema: string): string;
  /** Finds why a value does not fit a schema: a list of SchemaProblem, as JSON. */
  validate(schema: string, value: string): string;
}

/** Why a value does not fit a schema, or what is wrong with a schema. */
export interface SchemaProblem {
  /** Inside the value, or inside the schema. */
  path: (string | number)[];
  /** The keyword that the value does not fit. Other words: `unsupported`, `draft`, `remote`, `endless`, `deep`, `other`. */
  keyword: string;
  /** The value of the keyword as JSON, of at most 200 characters. */
  limit: string;
  /** The message of the library. */
  detail: string;
}

type Schema = Record<string, unknown>;
/** The parts of a schema, by URI. */
type Lookup = Record<string, unknown>;
/** An error of the library. Both locations are JSON pointers that begin with `#`. */
interface Unit {
  keyword: string;
  keywordLocation: string;
  instanceLocation: string;
  error: string;
}
interface Library {
  dereference(schema: unknown): Lookup;
  validate(
    value: unknown,
    schema: unknown,
    draft: string,
    lookup: Lookup,
    shortCircuit: boolean,
  ): { errors: Unit[] };
  initialBaseURI: { href: string };
  ignoredKeyword: object;
  schemaArrayKeyword: object;
  schemaMapKeyword: object;
}

/**
 * Loads @cfworker/json-schema inside a realm.
 * @param load loads the library, which needs the class URL
 * @param resolve resolves a URL against a base, if that is possible; it accepts and returns text
 * @param lock freezes the realm
 */
export function setUpSchemas(
  load: (URL: unknown) => Library,
  resolve: (reference: string, base?: string) => string | undefined,
  lock: (roots: readonly unknown[]) => void,
): SchemaRealm {
  const { parse, stringify } = JSON;
  const MAX_PROBLEMS = 50;
  const MAX_TEXT = 200;
  const DRAFTS = new Map([
    ['https://json-schema.org/draft/2020-12/schema', '2020-12'],
    ['https://json-schema.org/draft/2019-09/schema', '2019-09'],
    ['http://json-schema.org/draft-07/schema', '7'],
  ]);
  const IN_PLACE = ['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else'];
  const IN_PLACE_BY_NAME = ['dependentSchemas', 'dependencies'];

  /** As much of the class URL as the library needs. The URL of the process would give access to objects outside the realm. */
  class Url {
    private readonly page: string;
    private fragment: string;
    constructor(reference: unknown, base?: string) {
      const url = resolve(typeof reference === 'string' ? reference : stringify(reference), base);
      if (url === undefined) throw { message: `${json(reference)} is not a valid URI` };
      const at = url.indexOf('#');
      this.page = at < 0 ? url : url.slice(0, at);
      this.fragment = at < 0 ? '' : url.slice(at + 1);
    }
    get hash(): string {
      return this.fragment && `#${this.fragment}`;
    }
    set hash(fragment: string) {
      this.fragment = fragment;
    }
    get href(): string {
      return this.page + this.hash;
    }
  }

  // The schema of schemas, for the keywords of the drafts that the server knows. The published one of draft 2020-12 cannot be
  // used, because the library has no `$dynamicRef`.
  const schema = { $ref: '#' };
  const schemas = { type: 'array', minItems: 1, items: schema };
  const members = { type: 'object', additionalProperties: schema };
  const text = { type: 'string' };
  const flag = { type: 'boolean' };
  const number = { type: 'number' };
  const size = { type: 'integer', minimum: 0 };
  const names = { type: 'array', items: text };
  const type = { enum: ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'] };
  // oxlint-disable-next-line unicorn/no-thenable
  const either = (list: object, other: object) => ({ if: { type: 'array' }, then: list, else: other });
  const keywords: [string, object | boolean][] = [
    ['$id $schema $anchor $ref $comment format title description', text],
    ['$dynamicRef $dynamicAnchor', false],
    ['$recursiveRef', { const: '#' }],
    ['type', either({ minItems: 1, items: type }, type)],
    ['enum examples', { type: 'array' }],
    ['not if then else additionalProperties unevaluatedProperties propertyNames', schema],
    ['additionalItems unevaluatedItems contains', schema],
    ['allOf anyOf oneOf prefixItems', schemas],
    ['items', either({ items: schema }, schema)],
    ['$defs definitions properties dependentSchemas', members],
    ['patternProperties', { ...members, propertyNames: { format: 'regex' } }],
    ['required', names],
    ['dependentRequired', { type: 'object', additionalProperties: names }],
    ['dependencies', { type: 'object', additionalProperties: either({ items: text }, schema) }],
    ['minProperties maxProperties minItems maxItems minContains maxContains minLength maxLength', size],
    ['minimum maximum exclusiveMinimum exclusiveMaximum', number],
    ['multipleOf', { type: 'number', exclusiveMinimum: 0 }],
    ['pattern', { type: 'string', format: 'regex' }],
    ['$recursiveAnchor uniqueItems deprecated readOnly writeOnly', flag],
  ];
  const SCHEMA_OF_SCHEMAS = {
    type: ['object', 'boolean'],
    properties: Object.fromEntries(
      keywords.flatMap(([words, of]) => words.split(' ').map((word) => [word, of])),
    ),
  };

  const library = load(Url);
  const ROOT = library.initialBaseURI.href;
  const lookupOfSchemas = library.dereference(SCHEMA_OF_SCHEMAS);

  const isObject = (value: unknown): value is Schema => typeof value === 'object' && value !== null;
  const own = (value: unknown, key: string): unknown =>
    isObject(value) && Object.prototype.hasOwnProperty.call(value, key) ? value[key] : undefined;
  function short(value: string): string {
    return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
  }
  function json(value: unknown): string {
    return short(stringify(value) ?? '');
  }
  /** The keys of a JSON pointer that begins with `#`. */
  const keysOf = (pointer: string): string[] =>
    pointer
      .split('/')
      .slice(1)
      .map((key) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~'));
  /** The path of a pointer. The indexes of lists become numbers. */
  const pathOf = (pointer: string, root: unknown): SchemaProblem['path'] => {
    let value = root;
    return keysOf(pointer).map((key) => {
      const part = Array.isArray(value) ? Number(key) : short(key);
      value = own(value, key);
      return part;
    });
  };
  /** The value of the keyword that an error is about. Its location leads through references. */
  const keywordValue = (pointer: string, root: unknown, lookup: Lookup): unknown => {
    let at = root;
    for (const key of keysOf(pointer)) {
      const target = key === '$ref' ? own(at, '__absolute_ref__') : undefined;
      at = typeof target === 'string' ? lookup[target] : own(at, key);
    }
    return at;
  };

  /** Keywords whose errors only say that there are more errors, which follow. */
  const CONTAINERS = new Set(
    (
      '$ref $recursiveRef allOf if properties patternProperties additionalProperties unevaluatedProperties ' +
      'dependentSchemas prefixItems items additionalItems unevaluatedItems'
    ).split(' '),
  );
  /** Keywords whose own error is clearer than those of their alternatives, and where these are. */
  const SUMMARIES: Record<string, string> = {
    anyOf: 'anyOf',
    oneOf: 'oneOf',
    contains: 'contains',
    minContains: 'contains',
    propertyNames: 'propertyNames',
  };

  const reason = (error: unknown): SchemaProblem => {
    const message = own(error, 'message');
    return {
      path: [],
      keyword: error instanceof RangeError ? 'deep' : 'other',
      limit: '',
      detail: typeof message === 'string' ? short(message) : 'unknown error',
    };
  };

  const toProblem = (unit: Unit, value: unknown, root: unknown, lookup: Lookup): SchemaProblem => {
    const { keyword, keywordLocation, instanceLocation, error } = unit;
    const path = pathOf(instanceLocation, value);
    const REQUIRED = 'Instance does not have required property "';
    if (keyword === 'required') path.push(short(error.slice(REQUIRED.length, -2)));
    const limit = keyword === 'false' ? '' : json(keywordValue(keywordLocation, root, lookup));
    return { path, keyword, limit, detail: short(error) };
  };

  const errorsOf = (value: unknown, root: unknown, draft: string, lookup: Lookup): Unit[] => {
    try {
      return library.validate(value, root, draft, lookup, false).errors;
    } catch (error) {
      // The library passes all errors as arguments of one call. If they are too many for the stack, find the first ones only.
      if (!(error instanceof RangeError)) throw error;
      return library.validate(value, root, draft, lookup, true).errors;
    }
  };

  const findProblems = (value: unknown, root: unknown, draft: string, lookup: Lookup): SchemaProblem[] => {
    const errors = errorsOf(value, root, draft, lookup);
    const summaries = errors.filter(({ keyword }) => own(SUMMARIES, keyword) !== undefined);
    const hidden = new Set(
      summaries.map(({ keyword, keywordLocation }) =>
        keywordLocation.replace(/[^/]+$/, `${SUMMARIES[keyword]!}/`),
      ),
    );
    const problems = new Map<string, SchemaProblem>();
    let isHidden = false;
    for (const unit of errors) {
      const { keyword, keywordLocation, error } = unit;
      // The error of the schema `false` does not have the location of its schema, but follows another error of that place.
      if (keyword !== 'false')
        isHidden = [...hidden].some((location) => keywordLocation.startsWith(location));
      if (isHidden || CONTAINERS.has(keyword) || (keyword === 'dependencies' && error.endsWith('schema.')))
        continue;
      const problem = toProblem(unit, value, root, lookup);
      problems.set(stringify(problem), problem);
      if (problems.size === MAX_PROBLEMS) break;
    }
    return [...problems.values()];
  };

  const draftOf = (root: unknown): string | undefined => {
    const named = own(root, '$schema');
    if (named === undefined) return '2020-12';
    return typeof named === 'string' ? DRAFTS.get(named.replace(/#$/, '')) : undefined;
  };

  /**
   * Prepares a schema for validations. The library takes the member `id` of every object for the URI of a schema, as draft 04
   * did, also in keywords of other programs such as `{ "x-field": { "id": 5 } }`. These members are removed.
   */
  const prepare = (root: unknown): Lookup => {
    const removeIds = (part: unknown): void => {
      if (!isObject(part) || Array.isArray(part)) return;
      delete part['id'];
      for (const [key, value] of Object.entries(part)) {
        if (!isObject(value) || own(library.ignoredKeyword, key)) continue;
        if (Array.isArray(value) ? own(library.schemaArrayKeyword, key) : own(library.schemaMapKeyword, key))
          for (const inner of Object.values(value)) removeIds(inner);
        else removeIds(value);
      }
    };
    removeIds(root);
    return library.dereference(root);
  };

  /** Finds references that lead nowhere: to another document, or to a place that does not exist. */
  const findRemote = (lookup: Lookup): SchemaProblem[] =>
    Object.values(lookup).flatMap((part) => {
      const target = own(part, '__absolute_ref__');
      if (typeof target !== 'string' || lookup[target] !== undefined) return [];
      const at = String(own(part, '__absolute_uri__'));
      const path = at.startsWith(`${ROOT}#`) ? pathOf(at.slice(ROOT.length), undefined) : [];
      return [{ path: [...path, '$ref'], keyword: 'remote', limit: json(own(part, '$ref')), detail: '' }];
    });

  /** The schemas that apply to the same value as a schema does. */
  const inPlace = (part: unknown, lookup: Lookup): unknown[] => {
    const target = own(part, '__absolute_ref__');
    return [
      ...(typeof target === 'string' ? [lookup[target]] : []),
      ...IN_PLACE.flatMap((keyword) => own(part, keyword) ?? []),
      ...IN_PLACE_BY_NAME.flatMap((keyword) => Object.values(own(part, keyword) ?? {})),
    ].filter(isObject);
  };

  /** Whether a schema applies itself to the same value again, so that a validation would not end. */
  const isEndless = (lookup: Lookup): boolean => {
    const finished = new Set<unknown>();
    const open = new Set<unknown>();
    const isInCircle = (part: unknown): boolean => {
      if (open.has(part)) return true;
      if (finished.has(part)) return false;
      open.add(part);
      const found = inPlace(part, lookup).some(isInCircle);
      open.delete(part);
      finished.add(part);
      return found;
    };
    return Object.values(lookup).some(isInCircle);
  };

  const check = (root: unknown): SchemaProblem[] => {
    if (draftOf(root) === undefined)
      return [{ path: ['$schema'], keyword: 'draft', limit: json(own(root, '$schema')), detail: '' }];
    const problems = findProblems(root, SCHEMA_OF_SCHEMAS, '2020-12', lookupOfSchemas);
    if (problems.length > 0)
      return problems.map((problem) =>
        problem.keyword === 'false' ? { ...problem, keyword: 'unsupported' } : problem,
      );
    const lookup = prepare(root);
    const remote = findRemote(lookup).slice(0, MAX_PROBLEMS);
    if (remote.length > 0 || !isEndless(lookup)) return remote;
    return [{ path: [], keyword: 'endless', limit: '', detail: '' }];
  };

  lock([library, lookupOfSchemas, DRAFTS, CONTAINERS, SUMMARIES]);
  return {
    check(schemaText) {
      try {
        return stringify(check(parse(schemaText)));
      } catch (error) {
        return stringify([reason(error)]);
      }
    },
    validate(schemaText, valueText) {
      try {
        const root: unknown = parse(schemaText);
        const draft = draftOf(root) ?? '2020-12';
        return stringify(findProblems(parse(valueText), root, draft, prepare(root)));
      } catch (error) {
        return stringify([reason(error)]);
      }
    },
  };
}
