/** A JSON Schema of the dialect of OpenAPI 3.1, or a reference to one. */
export interface JsonSchema {
  [keyword: string]: unknown;
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  oneOf?: JsonSchema[];
  discriminator?: { propertyName: string; mapping?: Record<string, string> };
}

/** Keywords whose values are data, in which `$ref` has no meaning. */
const DATA = new Set(['const', 'default', 'enum', 'example', 'examples']);

/** Returns a copy of a value of the document in which `change` has replaced the target of each `$ref`. */
export function changeReferences<T>(value: T, change: (reference: string) => string): T {
  if (Array.isArray(value)) return value.map((item: unknown) => changeReferences(item, change)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]: [string, unknown]) => {
      if (key === '$ref' && typeof item === 'string') return [key, change(item)];
      // A property may be named like a keyword. Its schema is an object, and so is a map of examples with references.
      return [key, DATA.has(key) && !isObject(item) ? item : changeReferences(item, change)];
    }),
  ) as T;
}

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
