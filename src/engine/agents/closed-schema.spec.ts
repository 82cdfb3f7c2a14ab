import { closedSchema } from './closed-schema.js';

const TEXT = { type: 'string' };

it('closes the objects of a copy, and leaves the schema as it is', () => {
  const inner = { type: 'object', properties: { b: TEXT } };
  const schema = { type: 'object', properties: { a: inner, list: { type: 'array', items: inner } } };
  const before = structuredClone(schema);
  const closed = { ...inner, additionalProperties: false };
  expect(closedSchema(schema)).toEqual({
    type: 'object',
    properties: { a: closed, list: { type: 'array', items: closed } },
    additionalProperties: false,
  });
  expect(schema).toEqual(before);
});

it.each([
  ['names other members', { properties: { a: TEXT }, additionalProperties: TEXT }],
  ['has patterns of names', { properties: { a: TEXT }, patternProperties: { '^x': TEXT } }],
  ['is combined of others', { properties: { a: TEXT }, allOf: [{ properties: { b: TEXT } }] }],
  ['has alternatives', { properties: { a: TEXT }, anyOf: [{ required: ['b'] }] }],
  ['refers to another', { properties: { a: TEXT }, $ref: '#/$defs/b' }],
  ['names no members', { type: 'object' }],
])('does not close an object that %s', (_what, schema) => {
  expect(closedSchema(schema)).toEqual(schema);
});

it('keeps a property of the name __proto__', () => {
  const schema = JSON.parse('{"properties":{"__proto__":{"type":"string"}}}') as Record<string, unknown>;
  expect(Object.keys(closedSchema(schema)['properties'] as object)).toEqual(['__proto__']);
});
