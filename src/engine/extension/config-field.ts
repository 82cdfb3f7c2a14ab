import { Workflow } from '@cloutagent/contract';
import type { z } from 'zod';

/** How placeholders are filled into a string of a config. */
export interface ConfigField {
  /**
   * How a value is inserted into longer text: `url` percent-encodes it, `json` escapes it where the text is JSON. `none`:
   * the string has no placeholders of this node.
   */
  readonly text: 'plain' | 'url' | 'json' | 'none';
  /** Whether the field takes only text. Otherwise a string that is exactly one placeholder becomes the value itself. */
  readonly takesText: boolean;
  /** Whether the field may refer to secrets. The handler must pass its value through `run.reveal`. */
  readonly takesSecrets: boolean;
  /** Whether the field may be absent. */
  readonly mayBeAbsent: boolean;
  /** The schemas of the field; none if no schema describes it. */
  readonly schemas: readonly z.ZodType[];
}

/** Schemas that describe what a schema accepts, when that cannot be seen from the schema because it is a function. */
const described = new WeakMap<z.ZodType, z.ZodType>();

/** Makes known which shape a schema accepts that is a function, such as `z.unknown().transform(…)`. */
export function withShape<T extends z.ZodType>(schema: T, shape: z.ZodType): T {
  described.set(schema, shape);
  return schema;
}

/** What this file reads of Zod's internal record of a schema (`zod/v4/core`). */
interface Definition {
  readonly type: string;
  readonly format?: string;
  readonly innerType?: z.ZodType;
  readonly getter?: () => z.ZodType;
  readonly in?: z.ZodType;
  readonly out?: z.ZodType;
  readonly left?: z.ZodType;
  readonly right?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly shape?: Record<string, z.ZodType>;
  readonly catchall?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly items?: readonly z.ZodType[];
  readonly rest?: z.ZodType | null;
  readonly entries?: Record<string, unknown>;
  readonly values?: readonly unknown[];
}

const definitionOf = (schema: z.ZodType): Definition => schema._zod.def;

const OPAQUE = new Set(['unknown', 'any', 'custom', 'transform']);
/** Bounds the work on schemas that contain themselves. */
const MAX_SCHEMAS = 500;

/**
 * Describes the fields of a config, from the schema of the node type. `.meta({ placeholders: 'url' })`, `'json'` and `'none'`
 * on a schema choose how placeholders are filled in, and `.meta({ secrets: true })` allows secrets in it and in all of its
 * members. Each field is described once, also for many items of a list.
 */
export class ConfigFields {
  private readonly members = new Map<string | number, ConfigFields>();
  private described: ConfigField | undefined;

  private constructor(
    private readonly schemas: readonly z.ZodType[],
    private readonly text: ConfigField['text'] | undefined,
    private readonly mayBeAbsent: boolean,
    private readonly takesSecrets: boolean,
  ) {}

  /** @param config the schema of the whole config; without it, nothing is known about its fields */
  static of(config: z.ZodType | undefined): ConfigFields {
    const { schemas, text, takesSecrets } = alternatives(config ? [config] : []);
    return new ConfigFields(schemas, text, false, takesSecrets);
  }

  /** Returns what is known about a member or an item. */
  at(key: string | number): ConfigFields {
    if (this.text === 'none') return this;
    // The items of a list have one schema, whatever their index. Those of a tuple do not.
    const isItem = typeof key === 'number' && !this.schemas.some((schema) => definitionOf(schema).items);
    const id = isItem ? 0 : key;
    let member = this.members.get(id);
    if (!member) {
      const found = this.schemas.flatMap((schema) => membersAt(schema, id));
      const { schemas, text, takesSecrets } = alternatives(found);
      const mayBeAbsent = found.some(isOptional) || this.schemas.some((schema) => hasAnyMembers(schema, id));
      member = new ConfigFields(schemas, text, mayBeAbsent, takesSecrets || this.takesSecrets);
      this.members.set(id, member);
    }
    return member;
  }

  /** Whether the value is a workflow, or declares otherwise that it has no placeholders of this node. */
  get isOfOtherNodes(): boolean {
    return this.text === 'none';
  }

  get field(): ConfigField {
    this.described ??= this.describe();
    return this.described;
  }

  private describe(): ConfigField {
    const { schemas, text, mayBeAbsent, takesSecrets } = this;
    if (text === 'none')
      return { text, takesText: true, takesSecrets: false, mayBeAbsent: false, schemas: [] };
    const takesText = schemas.length > 0 && schemas.every(isText);
    const isUrl = takesText && schemas.some((schema) => definitionOf(schema).format === 'url');
    return { text: text ?? (isUrl ? 'url' : 'plain'), takesText, takesSecrets, mayBeAbsent, schemas };
  }
}

const STRUCTURES = new Set(['array', 'tuple', 'object', 'record']);

/** Whether a schema accepts only lists or objects. */
export const isStructure = (schema: z.ZodType): boolean => STRUCTURES.has(definitionOf(schema).type);

const EMPTY = new Set(['null', 'undefined', 'never', 'void']);

/**
 * Lists what a value may match, without null: the members of unions and of wrappers. `text` and `takesSecrets` are what one of
 * them declares.
 */
function alternatives(roots: readonly z.ZodType[]): {
  schemas: z.ZodType[];
  text: ConfigField['text'] | undefined;
  takesSecrets: boolean;
} {
  const schemas: z.ZodType[] = [];
  let text: ConfigField['text'] | undefined;
  let takesSecrets = false;
  const open = [...roots];
  for (let seen = 0; open.length > 0 && seen < MAX_SCHEMAS; seen += 1) {
    const schema = open.pop()!;
    const own = declared(schema);
    if (text !== 'none') text = own ?? text;
    takesSecrets ||= schema.meta()?.['secrets'] === true;
    const inner = unwrapped(schema);
    if (inner) open.push(...inner);
    else if (!EMPTY.has(definitionOf(schema).type)) schemas.push(schema);
  }
  return { schemas, text, takesSecrets };
}

/** The schemas inside a wrapper; undefined if the schema is none. */
function unwrapped(schema: z.ZodType): readonly z.ZodType[] | undefined {
  const shape = described.get(schema);
  if (shape) return [shape];
  const { innerType, getter, in: input, out, left, right, options } = definitionOf(schema);
  if (options) return options;
  if (left && right) return [left, right];
  if (input && out) {
    const isFunction = OPAQUE.has(definitionOf(input).type) && !described.has(input);
    return [isFunction && definitionOf(out).type !== 'transform' ? out : input];
  }
  if (getter) return [getter()];
  return innerType && [innerType];
}

function membersAt(schema: z.ZodType, key: string | number): z.ZodType[] {
  const { shape, catchall, valueType, element, items, rest } = definitionOf(schema);
  if (typeof key === 'number') {
    const item = element ?? items?.[key] ?? rest;
    return item ? [item] : [];
  }
  if (shape && Object.hasOwn(shape, key)) return [shape[key]!];
  const other = catchall ?? valueType;
  return other ? [other] : [];
}

/** Whether a schema has members that it does not name, so that any of them may be left out. */
function hasAnyMembers(schema: z.ZodType, key: string | number): boolean {
  const { type, shape, valueType, element } = definitionOf(schema);
  if (OPAQUE.has(type) || element !== undefined || valueType !== undefined) return true;
  return shape !== undefined && !Object.hasOwn(shape, key);
}

const isOptional = (schema: z.ZodType): boolean =>
  schema._zod.optin === 'optional' || schema._zod.optin === 'defaulted';

function isText(schema: z.ZodType): boolean {
  const { type, entries, values } = definitionOf(schema);
  if (type === 'string' || type === 'template_literal') return true;
  const allowed = type === 'enum' ? Object.values(entries ?? {}) : type === 'literal' ? (values ?? []) : [0];
  return allowed.every((value) => typeof value === 'string');
}

function declared(schema: z.ZodType): ConfigField['text'] | undefined {
  // The placeholders of an inline workflow are those of its own nodes.
  if (schema === (Workflow as z.ZodType) || schema._zod.parent === Workflow) return 'none';
  const value = schema.meta()?.['placeholders'];
  return value === 'url' || value === 'json' || value === 'none' ? value : undefined;
}
