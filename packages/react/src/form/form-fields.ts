import type { Json } from '@cloutagent/contract';

interface FieldBase {
  /** Name of the member of the enclosing object; empty for a form of one value. */
  readonly name: string;
  readonly title: string;
  readonly description: string | undefined;
  readonly required: boolean;
  /** The schema's `default`; undefined without one. */
  readonly initial: Json | undefined;
}

export interface TextField extends FieldBase {
  readonly kind: 'text';
  readonly input: 'text' | 'long-text' | 'date' | 'time' | 'date-time' | 'email' | 'url';
  readonly maxLength: number | undefined;
}
export interface NumberField extends FieldBase {
  readonly kind: 'number';
  readonly integer: boolean;
  readonly min: number | undefined;
  readonly max: number | undefined;
}
interface BooleanField extends FieldBase {
  readonly kind: 'boolean';
}
export interface ChoiceField extends FieldBase {
  readonly kind: 'choice';
  readonly choices: readonly { readonly label: string; readonly value: Json }[];
}
/** A list of texts, numbers or choices. */
export interface ListField extends FieldBase {
  readonly kind: 'list';
  readonly item: ScalarField;
}
/** An object whose members are no objects. */
export interface GroupField extends FieldBase {
  readonly kind: 'group';
  readonly fields: readonly FormField[];
}
/** A value that no other field can express. It is written as JSON. */
interface JsonField extends FieldBase {
  readonly kind: 'json';
}

type ScalarField = TextField | NumberField | BooleanField | ChoiceField;
export type FormField = ScalarField | ListField | GroupField | JsonField;

type Schema = Record<string, unknown>;

/** Above these numbers a form cannot be used any more, and the value is written as JSON. */
const MAX_FIELDS = 100;
const MAX_CHOICES = 500;
/** Levels of objects that have fields: the form, and the groups in it. */
const MAX_DEPTH = 1;

/** Keywords that make the fields depend on more than `properties`. */
const UNSUPPORTED = [
  '$ref',
  '$dynamicRef',
  'allOf',
  'anyOf',
  'not',
  'if',
  'patternProperties',
  'dependentSchemas',
  'dependentRequired',
  'propertyNames',
  'prefixItems',
  'contains',
];

/**
 * Returns the field for a JSON Schema (draft 2020-12): a group for an object, and a `json` field for everything that the
 * other fields cannot express. The schema may be hostile: it is read, never run, and sizes are limited.
 * @param title the title if the schema has none
 */
export function fieldOf(schema: unknown, title: string): FormField {
  return read(schema, { name: '', title, required: true, depth: 0 });
}

interface Place {
  name: string;
  title: string;
  required: boolean;
  depth: number;
}

function read(schema: unknown, { name, title: fallback, required, depth }: Place): FormField {
  if (!isSchema(schema))
    return { kind: 'json', name, title: fallback, description: undefined, required, initial: undefined };
  const base: FieldBase = {
    name,
    title: textOf(schema['title']) ?? fallback,
    description: textOf(schema['description']),
    required,
    initial: schema['default'] as Json | undefined,
  };
  const json: JsonField = { ...base, kind: 'json' };
  const choices = choicesOf(schema);
  if (choices) return { ...base, kind: 'choice', choices };
  if ('enum' in schema || 'oneOf' in schema || UNSUPPORTED.some((keyword) => Object.hasOwn(schema, keyword)))
    return json;
  switch (typeOf(schema)) {
    case 'string':
      return { ...base, kind: 'text', input: inputOf(schema), maxLength: numberOf(schema['maxLength']) };
    case 'integer':
    case 'number':
      return {
        ...base,
        kind: 'number',
        integer: typeOf(schema) === 'integer',
        min: numberOf(schema['minimum']),
        max: numberOf(schema['maximum']),
      };
    case 'boolean':
      return { ...base, kind: 'boolean' };
    case 'array': {
      const item = read(schema['items'], { name: '', title: 'Item', required: true, depth: depth + 1 });
      return isScalar(item) ? { ...base, kind: 'list', item } : json;
    }
    case 'object': {
      const fields = depth > MAX_DEPTH ? undefined : membersOf(schema, depth);
      return fields ? { ...base, kind: 'group', fields } : json;
    }
    default:
      return json;
  }
}

/** Returns the fields of an object; undefined if they do not express it. */
function membersOf(schema: Schema, depth: number): FormField[] | undefined {
  const { properties, required = [], additionalProperties } = schema;
  if (!isSchema(properties) || !Array.isArray(required) || isSchema(additionalProperties)) return undefined;
  const names = Object.keys(properties);
  if (names.length === 0 || names.length > MAX_FIELDS || names.includes('__proto__')) return undefined;
  if (required.some((name) => typeof name !== 'string' || !names.includes(name))) return undefined;
  return names.map((name) =>
    read(properties[name], { name, title: name, required: required.includes(name), depth: depth + 1 }),
  );
}

/** Returns the choices of `enum`, or of a `oneOf` of constants with titles. */
function choicesOf(schema: Schema): ChoiceField['choices'] | undefined {
  const { enum: values, oneOf } = schema;
  if (
    Array.isArray(values) &&
    values.length > 0 &&
    values.length <= MAX_CHOICES &&
    values.every(isScalarValue)
  )
    return values.map((value) => ({ label: String(value), value }));
  if (!Array.isArray(oneOf) || oneOf.length === 0 || oneOf.length > MAX_CHOICES) return undefined;
  const choices = oneOf.flatMap((one: unknown) =>
    isSchema(one) && isScalarValue(one['const'])
      ? [{ label: textOf(one['title']) ?? String(one['const']), value: one['const'] }]
      : [],
  );
  return choices.length === oneOf.length ? choices : undefined;
}

/** Returns the type. A type that may also be null counts as the other one. */
function typeOf({ type }: Schema): unknown {
  if (!Array.isArray(type)) return type;
  const others = type.filter((one) => one !== 'null');
  return others.length === 1 ? (others[0] as unknown) : undefined;
}

function inputOf({ format, maxLength, contentMediaType }: Schema): TextField['input'] {
  switch (format) {
    case 'date':
    case 'time':
    case 'date-time':
    case 'email':
      return format;
    case 'uri':
    case 'url':
      return 'url';
    default:
      return contentMediaType !== undefined || (typeof maxLength === 'number' && maxLength > 200)
        ? 'long-text'
        : 'text';
  }
}

const isScalar = (field: FormField): field is ScalarField =>
  field.kind === 'text' || field.kind === 'number' || field.kind === 'boolean' || field.kind === 'choice';

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isScalarValue = (value: unknown): value is string | number | boolean | null =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value);
const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
