import { z } from 'zod';

type Checked = (value: unknown, payload: unknown) => unknown;
/** Zod's internal record of a schema, or of one of its checks (`zod/v4/core`). */
interface Internals {
  readonly def: {
    readonly check?: string;
    readonly checks?: readonly { readonly _zod: Internals }[];
    /** The function of `refine` and `custom`. */
    readonly fn?: unknown;
    readonly transform?: unknown;
    /** The two ends of a pipe; `transform` and `preprocess` make pipes. */
    readonly in?: { readonly _zod: Internals };
    readonly out?: { readonly _zod: Internals };
  };
  readonly check?: unknown;
}

/**
 * Finds an asynchronous refinement or transform in a schema. Configs are parsed synchronously, so such a schema would
 * throw at the first config that reaches that part. A function that is not declared `async` is called once, with a sample
 * value of the schema's type.
 * @returns a description of the part and its location; undefined if the whole schema is synchronous
 */
export function findAsyncPart(schema: z.ZodType): string | undefined {
  let found: string | undefined;
  for (const io of ['input', 'output'] as const)
    z.toJSONSchema(schema, {
      io,
      unrepresentable: 'any',
      override: ({ zodSchema, path }) => {
        const { _zod: internals } = zodSchema as unknown as { _zod: Internals };
        const sample = () =>
          sampleOf(z.toJSONSchema(zodSchema, { io, unrepresentable: 'any' }) as JsonSchema);
        const part = describeAsyncPart(internals.def, sample);
        if (part !== undefined) found ??= `${part} at ${locationOf(path)}`;
      },
    });
  return found;
}

function describeAsyncPart(def: Internals['def'], sample: () => unknown): string | undefined {
  const transforms = [def, def.in?._zod.def, def.out?._zod.def].map((part) => part?.transform);
  if (transforms.some((transform) => isAsync(transform, sample))) return 'an asynchronous transform';
  const refinements = [def.fn, ...(def.checks ?? []).map(({ _zod }) => _zod.def.fn ?? customCheck(_zod))];
  return refinements.some((refinement) => isAsync(refinement, sample))
    ? 'an asynchronous refinement'
    : undefined;
}

/** The function of `superRefine` and `check`. Zod's built-in checks have other names and are synchronous. */
function customCheck({ def, check }: Internals): Checked | undefined {
  if (def.check !== 'custom' || typeof check !== 'function') return undefined;
  // Return an async function unwrapped, so that isAsync recognises it without a call.
  if (check.constructor.name === 'AsyncFunction') return check as Checked;
  return (value) => (check as (payload: unknown) => unknown)({ value, issues: [] });
}

function isAsync(candidate: unknown, sample: () => unknown): boolean {
  if (typeof candidate !== 'function') return false;
  if (candidate.constructor.name === 'AsyncFunction') return true;
  try {
    const value = sample();
    const result: unknown = (candidate as Checked)(value, { value, issues: [], addIssue: () => undefined });
    if (!(result instanceof Promise)) return false;
    result.catch(() => undefined);
    return true;
  } catch {
    return false;
  }
}

interface JsonSchema {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  minLength?: number;
  minimum?: number;
  minItems?: number;
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  anyOf?: JsonSchema[];
}

/** Makes a value that a schema may accept: its first example (`.meta({ examples })`), or one made by simple rules. */
export function sampleOfSchema(schema: z.ZodType): unknown {
  // Zod leaves the examples of a schema with a transform out of its JSON Schema.
  const examples = schema.meta()?.['examples'];
  if (Array.isArray(examples) && examples.length > 0) return examples[0] as unknown;
  return sampleOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema);
}

/** Makes a value that fits the schema, as far as simple rules can. */
function sampleOf(schema: JsonSchema, depth = 0): unknown {
  if (depth > 20) return null;
  const { items = {}, properties = {}, required = [] } = schema;
  if ('default' in schema) return schema.default;
  if ('const' in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf?.[0]) return sampleOf(schema.anyOf[0], depth + 1);
  switch (schema.type) {
    case 'string':
      return 'x'.repeat(Math.min(schema.minLength ?? 1, 1_000));
    case 'number':
    case 'integer':
      return Math.max(schema.minimum ?? 1, -1e6);
    case 'boolean':
      return true;
    case 'array':
      return Array.from({ length: Math.min(schema.minItems ?? 0, 10) }, () => sampleOf(items, depth + 1));
    case 'object':
      return Object.fromEntries(required.map((name) => [name, sampleOf(properties[name] ?? {}, depth + 1)]));
    default:
      return null;
  }
}

const locationOf = (path: readonly (string | number)[]): string => {
  const names = path.filter((part) => part !== 'properties' && part !== 'items');
  return names.length === 0 ? 'its root' : names.join('.');
};
