import fc from 'fast-check';
import type { Schema } from './openapi-validator.js';

/** Returns the schema that a reference of the document names. */
export type Resolve = (schema: Schema) => Schema;

const MAX_DEPTH = 6;

/** Generates values that a schema of the OpenAPI document accepts. */
export function valuesOf(schema: Schema, resolve: Resolve, depth = 0): fc.Arbitrary<unknown> {
  if (depth > MAX_DEPTH) return fc.constant(null);
  const inner = (part: Schema) => valuesOf(part, resolve, depth + 1);
  const { $ref, const: constant, enum: options, anyOf, oneOf, type, ...rest } = schema;
  if ($ref !== undefined) return inner(resolve(schema));
  if (constant !== undefined) return fc.constant(constant);
  if (options !== undefined) return fc.constantFrom(...(options as unknown[]));
  const variants = (anyOf ?? oneOf) as Schema[] | undefined;
  if (variants) return fc.oneof(...variants.map(inner));
  switch (type) {
    case 'string':
      return textsOf(rest);
    case 'integer':
      return fc.integer({
        min: (rest['minimum'] as number | undefined) ?? -1_000,
        max: Math.min((rest['maximum'] as number | undefined) ?? 100_000, 1_000_000_000),
      });
    case 'number':
      return fc.double({
        min: (rest['minimum'] as number | undefined) ?? (rest['exclusiveMinimum'] as number | undefined) ?? 0,
        minExcluded: rest['exclusiveMinimum'] !== undefined,
        max: 1_000_000,
        noNaN: true,
      });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(inner(rest['items'] as Schema), {
        minLength: (rest['minItems'] as number | undefined) ?? 0,
        maxLength: Math.min((rest['maxItems'] as number | undefined) ?? 3, 3),
      });
    case 'object':
      return fc.record(
        Object.fromEntries(
          Object.entries((rest['properties'] ?? {}) as Record<string, Schema>).map(([name, property]) => [
            name,
            inner(property),
          ]),
        ),
        { requiredKeys: (rest['required'] ?? []) as string[] },
      );
    default:
      return Array.isArray(type)
        ? fc.oneof(...type.map((one: string) => inner({ ...rest, type: one })))
        : fc.jsonValue({ maxDepth: 3 });
  }
}

function textsOf({ format, pattern, minLength = 0, maxLength }: Schema): fc.Arbitrary<string> {
  if (format === 'uuid') return fc.uuid();
  if (format === 'date-time')
    return fc
      .date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString());
  const bounds = {
    minLength: minLength as number,
    maxLength: Math.min((maxLength as number | undefined) ?? 40, 40),
  };
  return pattern === undefined
    ? fc.string({ ...bounds, unit: 'grapheme' })
    : fc
        .stringMatching(new RegExp(pattern as string))
        // A pattern without a maxLength may need more characters than other texts get.
        .filter(
          (text) =>
            text.length >= bounds.minLength && (maxLength === undefined || text.length <= bounds.maxLength),
        );
}

/** Spoils a JSON value at a random place: replaces, removes or adds a member or an item. */
export const spoiled = (values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc
    .tuple(values, fc.array(fc.nat(20), { minLength: 1, maxLength: 5 }), hostileValues, fc.nat(2))
    .map(([value, path, replacement, kind]) => spoil(value, path, replacement, kind));

function spoil(value: unknown, [step, ...path]: number[], replacement: unknown, kind: number): unknown {
  if (step === undefined || typeof value !== 'object' || value === null) return replacement;
  const entries = Object.entries(value);
  if (entries.length === 0) return replacement;
  const [key, item] = entries[step % entries.length]!;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<string, unknown>;
  if (path.length > 0) copy[key] = spoil(item, path, replacement, kind);
  else if (kind === 0) delete copy[key];
  else if (kind === 1) copy[key] = replacement;
  else copy[`${key}s`] = replacement;
  return copy;
}

/** Values that programs send by mistake, and that attackers send. */
const hostileValues: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    null,
    '',
    -1,
    1e308,
    2 ** 53,
    '\0',
    '\ud800',
    '__proto__',
    { constructor: { prototype: 1 } },
    [[[[]]]],
    'x'.repeat(5_000),
  ),
);
