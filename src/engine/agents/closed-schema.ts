type Schema = Record<string, unknown>;

/** Keywords that may combine schemas of one object. A part that allows no other members would then refuse those of other parts. */
const COMBINING = ['allOf', 'anyOf', 'oneOf', 'not', 'if', 'dependentSchemas', 'dependencies', '$ref'];
/** Keywords that say which other members an object may have. */
const OPEN = [
  'additionalProperties',
  'patternProperties',
  'unevaluatedProperties',
  'propertyNames',
  '$dynamicRef',
];

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Returns a copy of a schema whose objects allow only the members that it names. Some providers refuse other schemas. A schema
 * that combines schemas, or that says something about other members, is not changed at that place.
 */
export function closedSchema(schema: Schema): Schema {
  const copy: Schema = { ...schema };
  const { properties, items } = schema;
  if (isSchema(properties))
    copy['properties'] = Object.fromEntries(
      Object.entries(properties).map(([name, value]) => [
        name,
        isSchema(value) ? closedSchema(value) : value,
      ]),
    );
  if (isSchema(items)) copy['items'] = closedSchema(items);
  const isOpen = [...COMBINING, ...OPEN].some((keyword) => Object.hasOwn(schema, keyword));
  if (isSchema(properties) && !isOpen) copy['additionalProperties'] = false;
  return copy;
}
