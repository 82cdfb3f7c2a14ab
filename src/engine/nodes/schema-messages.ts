import type { SchemaProblem } from './json-schema.realm.js';

const TYPES: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  integer: 'an integer',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  null: 'null',
};

/** The messages by keyword. `limit` is the keyword's value as JSON. */
const MESSAGES: Record<string, (limit: string, detail: string) => string> = {
  type: (limit, detail) =>
    `must be ${nameTypes(limit)}, not ${nameTypes(/^Instance type ("\w+")/.exec(detail)?.[1] ?? '"this"')}`,
  const: (limit) => `must be ${limit}`,
  enum: (limit) => `must be one of ${limit.replace(/^\[|\]$/g, '').replaceAll('","', '", "')}`,
  not: () => 'fits the schema of "not", which is not allowed',
  anyOf: () => 'fits none of the schemas of "anyOf"',
  oneOf: (_limit, detail) =>
    `fits ${detail.includes('(0 matches)') ? 'none' : 'more than one'} of the schemas of "oneOf"`,
  false: () => 'is not allowed',
  required: () => 'is required',
  minProperties: (limit) => `must have at least ${count(limit, 'member')}`,
  maxProperties: (limit) => `must have at most ${count(limit, 'member')}`,
  propertyNames: (_limit, detail) =>
    `has a member whose name is not allowed: ${detail.replace(/^Property name /, '').replace(/ does not match schema\.$/, '')}`,
  dependentRequired: (_limit, detail) => dependency(detail),
  dependencies: (_limit, detail) => dependency(detail),
  minItems: (limit) => `must have at least ${count(limit, 'item')}`,
  maxItems: (limit) => `must have at most ${count(limit, 'item')}`,
  uniqueItems: () => 'must not have an item twice',
  contains: () => 'must have an item that fits the schema of "contains"',
  minContains: (limit) => `must have at least ${count(limit, 'item')} that fit the schema of "contains"`,
  maxContains: (limit) => `must have at most ${count(limit, 'item')} that fit the schema of "contains"`,
  minimum: (limit) => `must be at least ${limit}`,
  maximum: (limit) => `must be at most ${limit}`,
  exclusiveMinimum: (limit) => `must be greater than ${limit}`,
  exclusiveMaximum: (limit) => `must be less than ${limit}`,
  multipleOf: (limit) => `must be a multiple of ${limit}`,
  minLength: (limit) => `must have at least ${count(limit, 'character')}`,
  maxLength: (limit) => `must have at most ${count(limit, 'character')}`,
  pattern: (limit) => `must match the regular expression ${limit}`,
  format: (limit) =>
    limit === '"regex"' ? 'must be a valid regular expression' : `must have the format ${limit}`,
  unsupported: () => 'is not supported. Use "$ref" and "$defs"',
  draft: (limit) =>
    `names a version of JSON Schema that the server does not know: ${limit}. Use draft 2020-12, 2019-09 or 07`,
  remote: (limit) =>
    `refers to ${limit}, which is not a part of this schema. The server loads no other schemas: put it under "$defs"`,
  endless: () => 'refers to itself without an end: a "$ref" leads back to its own place',
  deep: () => 'is nested too deep, or refers to itself without an end',
  other: (_limit, detail) => `cannot be used: ${detail.split('\n', 1)[0]!.replace(/\.$/, '')}`,
};

/** Says in a few words why a value does not fit a schema, or what is wrong with a schema. The subject is the value at the path. */
export function schemaMessage({ keyword, limit, detail }: SchemaProblem): string {
  return MESSAGES[keyword]?.(limit, detail) ?? detail;
}

function nameTypes(json: string): string {
  const names = [...json.matchAll(/"(\w+)"/g)].map(([, name]) => TYPES[name!] ?? name!);
  return names.join(' or ');
}

const count = (limit: string, noun: string): string => `${limit} ${noun}${limit === '1' ? '' : 's'}`;

const dependency = (detail: string): string => detail.replace(/^Instance has /, 'has ').replace(/\.$/, '');
