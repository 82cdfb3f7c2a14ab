import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { changeReferences, type JsonSchema } from './json-schema.js';

const DEFINITIONS = '#/$defs/';
const COMPONENTS = '#/components/schemas/';

/** `input`: a body that a client may send. `query`: its query. `output`: what the server sends. */
export type Direction = 'input' | 'query' | 'output';

/**
 * Converts Zod schemas to JSON Schema, and collects those that have an id (`.meta({ id: 'Execution' })`). The document has
 * each of them once, in `components.schemas`, and refers to it.
 */
export class ComponentSchemas {
  private readonly schemas = new Map<string, JsonSchema>();

  /** Returns a reference if the schema has an id, otherwise the whole schema. */
  convert(schema: z.ZodType, direction: Direction): JsonSchema {
    const { root, definitions } = toJsonSchema(schema, direction);
    return this.adopt(root, definitions, direction);
  }

  /** Returns the whole schema of an object, also if it has an id. Only the schemas in it become components. */
  inline(schema: z.ZodType, direction: Direction): JsonSchema {
    const { root, definitions } = toJsonSchema(schema, direction);
    const name = root.$ref?.slice(DEFINITIONS.length) ?? '';
    const { [name]: own, ...others } = definitions;
    return this.adopt(own ?? root, others, direction);
  }

  /** Returns the schema that a reference to a component names, or the schema itself if it is not a reference. */
  resolve(schema: JsonSchema): JsonSchema {
    const name = schema.$ref?.startsWith(COMPONENTS) ? schema.$ref.slice(COMPONENTS.length) : undefined;
    return (name !== undefined && this.schemas.get(name)) || schema;
  }

  /**
   * Adds the schemas of a part of the document that was made elsewhere, and returns that part with its references changed.
   * A schema gets another name if there is a different one of its name.
   */
  adopt<T>(part: T, definitions: Record<string, JsonSchema>, direction: Direction): T {
    const names = new Map(Object.keys(definitions).map((name) => [name, name]));
    const rename = <V>(value: V): V =>
      changeReferences(value, (reference) => {
        const name = [DEFINITIONS, COMPONENTS]
          .filter((prefix) => reference.startsWith(prefix))
          .map((prefix) => names.get(reference.slice(prefix.length)))[0];
        return name === undefined ? reference : COMPONENTS + name;
      });
    // A new name changes the schemas that refer to it, which may then differ from a component too.
    for (let renamed = true; renamed;) {
      renamed = false;
      for (const [name, definition] of Object.entries(definitions)) {
        const taken = this.schemas.get(names.get(name)!);
        if (taken === undefined || isDeepStrictEqual(taken, rename(definition))) continue;
        names.set(name, nextName(names.get(name)!, name, direction));
        renamed = true;
      }
    }
    for (const [name, definition] of Object.entries(definitions))
      this.schemas.set(names.get(name)!, rename(definition));
    return rename(part);
  }

  all(): Record<string, JsonSchema> {
    return Object.fromEntries(this.schemas);
  }

  /** Returns the components that a part of the document refers to, directly or through other components, in alphabetical order. */
  reachableFrom(part: unknown): Record<string, JsonSchema> {
    const found = new Map<string, JsonSchema>();
    const visit = (value: unknown): unknown =>
      changeReferences(value, (reference) => {
        const name = reference.startsWith(COMPONENTS) ? reference.slice(COMPONENTS.length) : '';
        const schema = this.schemas.get(name);
        if (schema && !found.has(name)) {
          const final = schema.discriminator ? this.withMapping(schema) : schema;
          found.set(name, final);
          visit(final);
        }
        return reference;
      });
    visit(part);
    return Object.fromEntries([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Lists all variants of a union, also those of the unions in it, and maps each value of the discriminator to its variant. */
  private withMapping(union: JsonSchema): JsonSchema {
    const { propertyName } = union.discriminator!;
    const variants = this.variantsOf(union);
    const mapping = variants.map(({ $ref }): [unknown, string | undefined] => [
      $ref && this.resolve({ $ref }).properties?.[propertyName]?.['const'],
      $ref,
    ]);
    const { discriminator: _removed, ...plain } = { ...union, oneOf: variants };
    // A discriminator can only name components.
    return mapping.every(([value, reference]) => typeof value === 'string' && reference !== undefined)
      ? { ...plain, discriminator: { propertyName, mapping: Object.fromEntries(mapping) } }
      : plain;
  }

  private variantsOf(union: JsonSchema): JsonSchema[] {
    return (union.oneOf ?? []).flatMap((variant) => {
      const resolved = this.resolve(variant);
      return resolved.discriminator ? this.variantsOf(resolved) : [variant];
    });
  }
}

/** `Workflow` becomes `WorkflowInput` or `WorkflowOutput`, then `WorkflowInput2` and so on. */
function nextName(taken: string, name: string, direction: Direction): string {
  const suffixed = name + (direction === 'output' ? 'Output' : 'Input');
  if (taken === name) return suffixed;
  return suffixed + (Number(taken.slice(suffixed.length) || 1) + 1);
}

function toJsonSchema(
  schema: z.ZodType,
  direction: Direction,
): { root: JsonSchema; definitions: Record<string, JsonSchema> } {
  const {
    $schema: _dialect,
    $defs = {},
    ...root
  } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    // Refinements and transformations have no JSON Schema. The document then admits more than the server.
    unrepresentable: 'any',
    io: direction === 'output' ? 'output' : 'input',
    override: ({ zodSchema, jsonSchema }) => adapt(zodSchema, jsonSchema as JsonSchema, direction),
  }) as JsonSchema & { $defs?: Record<string, JsonSchema> };
  return { root, definitions: $defs };
}

function adapt(zod: z.core.$ZodTypes, json: JsonSchema, direction: Direction): void {
  const { def } = zod._zod;
  // A later release may add members to responses, so the document does not say that there are no others.
  if (direction === 'output' && def.type === 'object' && def.catchall === undefined)
    delete json['additionalProperties'];
  // openapi-typescript makes a member of a body required if it has a default.
  if (def.type === 'default' && direction === 'input') delete json['default'];
  if (def.type === 'union' && 'discriminator' in def)
    json.discriminator = { propertyName: String(def.discriminator) };
  // Every integer of JSON is one that a double holds exactly, so these bounds of Zod's say nothing.
  if (json['maximum'] === Number.MAX_SAFE_INTEGER) delete json['maximum'];
  if (json['minimum'] === Number.MIN_SAFE_INTEGER) delete json['minimum'];
}
