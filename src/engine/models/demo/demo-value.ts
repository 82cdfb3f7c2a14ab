/** As much of a JSON Schema as the demo model reads. */
type Schema = Record<string, unknown>;

/** Values and nesting of one answer. They bound the work for a schema that refers to itself or asks for very much. */
const MAX_VALUES = 10_000;
const MAX_DEPTH = 40;
const MAX_LENGTH = 10_000;

const FORMATS: Record<string, string> = {
  'date-time': '2026-01-01T00:00:00Z',
  date: '2026-01-01',
  time: '00:00:00Z',
  duration: 'P1D',
  email: 'demo@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

/**
 * Makes the smallest value that fits a JSON Schema: required members only, and as few items as allowed. It knows `type`, `const`,
 * `enum`, `properties`, `items`, `prefixItems`, bounds, common formats, `$ref` inside the schema, `allOf`, and the first member of
 * `anyOf` and `oneOf`. It ignores `pattern`.
 * @param next generates numbers that choose among several values; the same numbers give the same value
 */
export function smallestValue(root: Schema, words: readonly string[], next: () => number): unknown {
  let left = MAX_VALUES;

  const resolve = (given: Schema, depth: number): Schema => {
    left -= 1;
    let schema = given;
    for (let hops = 0; typeof schema['$ref'] === 'string' && hops < MAX_DEPTH; hops += 1) {
      const { $ref, ...others } = schema;
      schema = { ...target(root, $ref), ...others };
    }
    const { allOf, anyOf, oneOf, ...own } = schema;
    const alternatives = [anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? list.slice(0, 1) : []));
    const parts = [...(Array.isArray(allOf) ? allOf : []), ...alternatives].filter(isSchema);
    if (depth > MAX_DEPTH || left < 0 || parts.length === 0) return own;
    return parts.map((part) => resolve(part, depth + 1)).reduce(merged, own);
  };

  const make = (given: unknown, depth: number): unknown => {
    left -= 1;
    if (!isSchema(given) || depth > MAX_DEPTH || left < 0) return null;
    const schema = resolve(given, 0);
    if (Object.hasOwn(schema, 'const')) return schema['const'];
    if (Array.isArray(schema['enum']) && schema['enum'].length > 0)
      return schema['enum'][next() % schema['enum'].length];
    switch (typeOf(schema)) {
      case 'object':
        return makeObject(schema, depth);
      case 'array':
        return makeList(schema, depth);
      case 'string':
        return makeText(schema);
      case 'integer':
        return makeNumber(schema, 1);
      case 'number':
        return makeNumber(schema, undefined);
      case 'boolean':
        return next() % 2 === 0;
      default:
        return null;
    }
  };

  const makeObject = (schema: Schema, depth: number): unknown => {
    const properties = isSchema(schema['properties']) ? schema['properties'] : {};
    const required = Array.isArray(schema['required']) ? (schema['required'] as string[]) : [];
    const names = new Set(required);
    for (const name of Object.keys(properties)) {
      if (names.size >= (numberOf(schema['minProperties']) ?? 0)) break;
      names.add(name);
    }
    // Object.fromEntries makes a member of the name __proto__, which an assignment would not.
    return Object.fromEntries(
      [...names].map((name) => [
        name,
        make(Object.hasOwn(properties, name) ? properties[name] : schema['additionalProperties'], depth + 1),
      ]),
    );
  };

  const makeList = (schema: Schema, depth: number): unknown[] => {
    const first = Array.isArray(schema['prefixItems']) ? schema['prefixItems'] : [];
    const length = Math.min(Math.max(numberOf(schema['minItems']) ?? 0, 0), Math.max(left, 0));
    return Array.from({ length }, (_unused, index) => make(first[index] ?? schema['items'], depth + 1));
  };

  const makeText = (schema: Schema): string => {
    const format = FORMATS[String(schema['format'])];
    if (format !== undefined) return format;
    const minLength = Math.min(numberOf(schema['minLength']) ?? 0, MAX_LENGTH);
    const maxLength = numberOf(schema['maxLength']) ?? MAX_LENGTH;
    let text = words[next() % words.length] ?? 'demo';
    while (text.length < minLength) text += ` ${words[next() % words.length] ?? 'demo'}`;
    return text.slice(0, Math.max(minLength, Math.min(maxLength, text.length)));
  };

  const makeNumber = (schema: Schema, step: number | undefined): number => {
    const by = numberOf(schema['multipleOf']) ?? step;
    const gap = by ?? 0.5;
    const above = numberOf(schema['exclusiveMinimum']);
    const below = numberOf(schema['exclusiveMaximum']);
    const min = numberOf(schema['minimum']) ?? (above === undefined ? undefined : above + gap);
    const max = numberOf(schema['maximum']) ?? (below === undefined ? undefined : below - gap);
    const wanted = min ?? Math.min(0, max ?? 0);
    return by === undefined || by <= 0 ? wanted : Math.ceil(wanted / by) * by;
  };

  return make(root, 0);
}

/** The first type of a schema; the one that its keywords mean if it names none. */
function typeOf(schema: Schema): unknown {
  const { type } = schema;
  if (type !== undefined) return Array.isArray(type) ? type[0] : type;
  if (isSchema(schema['properties']) || Array.isArray(schema['required'])) return 'object';
  return isSchema(schema['items']) ? 'array' : undefined;
}

/** Joins two schemas of one value, as far as their objects go. */
function merged(a: Schema, b: Schema): Schema {
  const both = (key: string) => [a[key], b[key]];
  const properties = Object.assign({}, ...both('properties').filter(isSchema)) as Schema;
  const required = both('required').flatMap((names) => (Array.isArray(names) ? (names as unknown[]) : []));
  return {
    ...a,
    ...b,
    ...(Object.keys(properties).length > 0 && { properties }),
    ...(required.length > 0 && { required }),
  };
}

/** Finds the part of a schema that a reference such as `#/$defs/name` names. */
function target(root: Schema, reference: string): Schema {
  let part: unknown = root;
  for (const key of reference.split('/').slice(1)) {
    const name = key.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof part !== 'object' || part === null || !Object.hasOwn(part, name)) return {};
    part = (part as Schema)[name];
  }
  return isSchema(part) ? part : {};
}
