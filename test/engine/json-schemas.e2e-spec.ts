import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestingModule } from '@nestjs/testing';
import type { Json } from '@cloutagent/contract';
import { Conditions } from '../../src/engine/nodes/conditions.js';
import { JsonSchemas } from '../../src/engine/nodes/json-schemas.js';
import { countTurns } from '../support/event-loop.js';
import { nodeTypes } from '../support/node-types.js';

let module: TestingModule;
let schemas: JsonSchemas;

beforeAll(async () => {
  module = await nodeTypes({
    CHECK_TIMEOUT_MS: '500',
    MAX_CHECK_PROCESSES: '2',
    SCHEMA_MAX_BYTES: '200000',
    OUTPUT_MAX_BYTES: '1000000',
  });
  schemas = module.get(JsonSchemas);
});
afterAll(() => module.close());

const NEVER = new AbortController().signal;
const validate = (schema: unknown, value: Json, projectId = 'demo') =>
  schemas.validate(projectId, schema, value, NEVER, 'values');
const check = (schema: unknown, request: object = {}) =>
  schemas.check(schema, { projectId: 'demo', request });

const FORM = {
  type: 'object',
  properties: {
    amount: { type: 'number', minimum: 1, maximum: 100 },
    reason: { type: 'string', minLength: 3, maxLength: 20 },
    email: { type: 'string', format: 'email' },
    tags: { type: 'array', items: { $ref: '#/$defs/tag' }, maxItems: 2, uniqueItems: true },
  },
  required: ['amount'],
  additionalProperties: false,
  $defs: { tag: { type: 'string', pattern: '^[a-z]+$' } },
};

it('accepts a value that fits', async () => {
  expect(await check(FORM)).toEqual([]);
  expect(
    await validate(FORM, { amount: 5, reason: 'because', email: 'a@b.example', tags: ['x', 'y'] }),
  ).toEqual([]);
});

it('names every part of a value that does not fit', async () => {
  const value = { amount: '5', reason: 'no', email: 'a', tags: ['x', 'Y', 'z'], extra: 1 };
  expect(await validate(FORM, value)).toEqual([
    { path: 'values.amount', message: 'must be a number, not a string' },
    { path: 'values.reason', message: 'must have at least 3 characters' },
    { path: 'values.email', message: 'must have the format "email"' },
    { path: 'values.tags', message: 'must have at most 2 items' },
    { path: 'values.tags.1', message: 'must match the regular expression "^[a-z]+$"' },
    { path: 'values.extra', message: 'is not allowed' },
  ]);
  expect(await validate(FORM, {})).toEqual([{ path: 'values.amount', message: 'is required' }]);
  expect(await schemas.validate('demo', FORM, {}, NEVER)).toEqual([
    { path: 'amount', message: 'is required' },
  ]);
  expect(await schemas.validate('demo', FORM, [], NEVER)).toEqual([
    { path: '', message: 'must be an object, not a list' },
  ]);
});

it.each<[string, object, Json, string]>([
  ['types', { type: ['string', 'null'] }, 1, 'must be a string or null, not a number'],
  ['integers', { type: 'integer' }, 1.5, 'must be an integer, not a number'],
  ['truth values', { type: 'boolean' }, null, 'must be true or false, not null'],
  ['const', { const: { a: 1 } }, 2, 'must be {"a":1}'],
  ['enum', { enum: ['red', 'green', 3] }, 'blue', 'must be one of "red", "green",3'],
  ['not', { not: { type: 'string' } }, 'a', 'fits the schema of "not", which is not allowed'],
  ['anyOf', { anyOf: [{ type: 'string' }, { minimum: 3 }] }, 1, 'fits none of the schemas of "anyOf"'],
  ['oneOf without a match', { oneOf: [{ type: 'string' }, false] }, 1, 'fits none of the schemas of "oneOf"'],
  ['oneOf with two matches', { oneOf: [{}, true] }, 1, 'fits more than one of the schemas of "oneOf"'],
  ['minProperties', { minProperties: 1 }, {}, 'must have at least 1 member'],
  ['maxProperties', { maxProperties: 1 }, { a: 1, b: 1 }, 'must have at most 1 member'],
  [
    'propertyNames',
    { propertyNames: { maxLength: 1 } },
    { ab: 1 },
    'has a member whose name is not allowed: "ab"',
  ],
  ['dependentRequired', { dependentRequired: { a: ['b'] } }, { a: 1 }, 'has "a" but does not have "b"'],
  ['uniqueItems', { uniqueItems: true }, [{ a: 1 }, { a: 1 }], 'must not have an item twice'],
  ['contains', { contains: { const: 1 } }, [2, 3], 'must have an item that fits the schema of "contains"'],
  [
    'minContains',
    { contains: { const: 1 }, minContains: 2 },
    [1, 3],
    'must have at least 2 items that fit the schema of "contains"',
  ],
  ['exclusiveMinimum', { exclusiveMinimum: 0 }, 0, 'must be greater than 0'],
  ['exclusiveMaximum', { exclusiveMaximum: 0 }, 0, 'must be less than 0'],
  ['multipleOf', { multipleOf: 0.01 }, 0.005, 'must be a multiple of 0.01'],
  ['maxLength', { maxLength: 1 }, 'ab', 'must have at most 1 character'],
  // oxlint-disable-next-line unicorn/no-thenable
  ['then', { if: { type: 'string' }, then: { minLength: 2 } }, 'a', 'must have at least 2 characters'],
  ['a date', { format: 'date' }, '2026-02-30', 'must have the format "date"'],
])('explains %s', async (_what, schema, value, message) => {
  expect(await check(schema)).toEqual([]);
  expect(await validate(schema, value)).toEqual([{ path: 'values', message }]);
});

it.each<[string, object, Json]>([
  ['an unknown format', { format: 'colour' }, 'x'],
  ['a format of another type', { format: 'email' }, 1],
  ['an unknown keyword', { 'x-order': 1, ui: { id: 5 }, properties: { id: { ui: { id: 5 } } } }, { id: 1 }],
  ['prefixItems', { prefixItems: [{ type: 'string' }], items: { type: 'number' } }, ['a', 1, 2]],
  ['$anchor', { $ref: '#name', $defs: { a: { $anchor: 'name', type: 'string' } } }, 'a'],
  ['$id', { $id: 'https://a.example/b', $ref: 'c', $defs: { c: { $id: 'c', type: 'string' } } }, 'a'],
  ['unevaluatedProperties', { allOf: [{ properties: { a: {} } }], unevaluatedProperties: false }, { a: 1 }],
  [
    'a tree',
    { properties: { children: { type: 'array', items: { $ref: '#' } } } },
    { children: [{ children: [] }] },
  ],
  ['draft 07', { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }] }, ['a', 1]],
  ['draft 2020-12', { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'string' }, 'a'],
])('accepts a value that fits a schema with %s', async (_what, schema, value) => {
  expect(await check(schema)).toEqual([]);
  expect(await validate(schema, value)).toEqual([]);
});

it('lists at most 50 problems', async () => {
  const schema = { items: { anyOf: [{ type: 'string' }, { type: 'null' }] } };
  expect(
    await validate(
      schema,
      Array.from({ length: 10_000 }, (_, index) => index),
    ),
  ).toHaveLength(50);
  const schemaOfMembers = { additionalProperties: { type: 'string' } };
  const value = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`m${index}`, index]));
  expect(await validate(schemaOfMembers, value)).toHaveLength(50);
});

describe('the check of a posted schema', () => {
  const message = (text: string) => expect.stringContaining(text) as string;

  it.each<[string, unknown, { path: (string | number)[]; message: string }[]]>([
    ['true', true, []],
    ['false', false, []],
    ['an empty object', {}, []],
    ['a list', [], [{ path: [], message: 'must be an object or true or false, not a list' }]],
    ['a string', 'string', [{ path: [], message: 'must be an object or true or false, not a string' }]],
    ['null', null, [{ path: [], message: 'must be an object or true or false, not null' }]],
    ['nothing', undefined, [{ path: [], message: 'must be JSON' }]],
    [
      'an unknown type',
      { properties: { a: { type: 'text' } } },
      [{ path: ['properties', 'a', 'type'], message: message('must be one of "string"') }],
    ],
    [
      'wrong limits',
      { minLength: -1, items: [{ required: 'a' }] },
      [
        { path: ['items', 0, 'required'], message: 'must be a list, not a string' },
        { path: ['minLength'], message: 'must be at least 0' },
      ],
    ],
    [
      'a wrong regular expression',
      { pattern: '(' },
      [{ path: ['pattern'], message: 'must be a valid regular expression' }],
    ],
    [
      'a wrong regular expression for names',
      { patternProperties: { '(': true } },
      [{ path: ['patternProperties'], message: 'has a member whose name is not allowed: "("' }],
    ],
    ['an empty list of schemas', { allOf: [] }, [{ path: ['allOf'], message: 'must have at least 1 item' }]],
    [
      'a dynamic reference',
      { $dynamicRef: '#a' },
      [{ path: ['$dynamicRef'], message: 'is not supported. Use "$ref" and "$defs"' }],
    ],
    [
      'an old draft',
      { $schema: 'http://json-schema.org/draft-04/schema#' },
      [{ path: ['$schema'], message: message('Use draft 2020-12') }],
    ],
    [
      'a draft that is no text',
      { $schema: 5 },
      [{ path: ['$schema'], message: message('does not know: 5') }],
    ],
    [
      'a reference to nothing',
      { properties: { a: { $ref: '#/$defs/none' } } },
      [{ path: ['properties', 'a', '$ref'], message: message('not a part of this schema') }],
    ],
    [
      'a file',
      { $ref: 'file:///etc/passwd' },
      [{ path: ['$ref'], message: message('not a part of this schema') }],
    ],
    ['no URL', { $ref: 'http://[' }, [{ path: [], message: message('"http://[" is not a valid URI') }]],
    [
      'a reference to itself',
      { $ref: '#' },
      [{ path: [], message: message('refers to itself without an end') }],
    ],
    [
      'references in a circle',
      {
        anyOf: [{ $ref: '#/$defs/a' }],
        $defs: { a: { not: { $ref: '#/$defs/b' } }, b: { $ref: '#/$defs/a' } },
      },
      [{ path: [], message: message('refers to itself without an end') }],
    ],
    [
      'one URI twice',
      { $defs: { a: { $id: 'x' }, b: { $id: 'x' } } },
      [{ path: [], message: message('Duplicate schema URI') }],
    ],
    [
      'members that all objects have',
      { properties: { constructor: {}, toString: true, valueOf: { type: 'string' } } },
      [],
    ],
  ])('%s', async (_what, schema, problems) => {
    expect(await check(schema)).toEqual(problems);
  });

  it('does not load a schema of another server', async () => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/schema.json`;
    expect(await check({ $ref: url })).toEqual([{ path: ['$ref'], message: message(`refers to "${url}"`) }]);
    expect(await validate({ $ref: url }, 1)).toEqual([
      { path: 'values', message: message(`cannot be used: Unresolved $ref "${url}"`) },
    ]);
    expect(requests).toBe(0);
    server.close();
  });

  it('reports a schema that is too long', async () => {
    expect(await check({ description: 'x'.repeat(200_000) })).toEqual([
      { path: [], message: 'is longer than 200000 bytes (SCHEMA_MAX_BYTES)' },
    ]);
  });

  it('checks all schemas and expressions of a workflow in one message', async () => {
    const request = {};
    const workflow = { projectId: 'demo', request };
    const conditions = module.get(Conditions);
    const found = await Promise.all([
      ...Array.from({ length: 200 }, (_, index) => check(index % 2 ? { type: 'x' } : FORM, request)),
      conditions.check('input.ok', workflow),
      conditions.check('input.[', workflow),
    ]);
    expect(found.map(({ length }) => length)).toEqual([
      ...Array.from({ length: 200 }, (_, index) => index % 2),
      0,
      1,
    ]);
  });
});

const nested = (depth: number, wrap: (inner: object) => object, inner: object): object => {
  let schema = inner;
  for (let level = 0; level < depth; level += 1) schema = wrap(schema);
  return schema;
};
const A = 'a'.repeat(40);

// Each of these would block or end a server that validated in its own event loop, or must not reach anything in the process.
it.each<[string, object, Json, RegExp]>([
  ['a catastrophic pattern', { pattern: '^(a+)+$' }, `${A}!`, /more than 500 ms .*CHECK_TIMEOUT_MS/],
  [
    'a catastrophic pattern of names',
    { patternProperties: { '^(a+)+$': true } },
    { [`${A}!`]: 1 },
    /more than 500 ms .*CHECK_TIMEOUT_MS/,
  ],
  [
    'references that double with each level',
    {
      $ref: '#/$defs/n40',
      $defs: Object.fromEntries(
        Array.from({ length: 41 }, (_, n) => [
          `n${n}`,
          n ? { allOf: [{ $ref: `#/$defs/n${n - 1}` }, { $ref: `#/$defs/n${n - 1}` }] } : {},
        ]),
      ),
    },
    1,
    /more than 500 ms .*CHECK_TIMEOUT_MS/,
  ],
  [
    'a comparison of all items',
    { uniqueItems: true },
    Array.from({ length: 60_000 }, (_, n) => n),
    /CHECK_TIMEOUT_MS/,
  ],
  ['a reference to itself', { $ref: '#' }, 1, /refers to itself without an end/],
  [
    '10,000 nested allOf',
    nested(10_000, (inner) => ({ allOf: [inner] }), { type: 'null' }),
    1,
    /nested too deep/,
  ],
  [
    'a schema that is no schema',
    { properties: 5, allOf: 'x', $id: 7, items: null },
    { a: 1 },
    /cannot be used/,
  ],
])('ends the validation by a schema with %s', async (_what, schema, value, message) => {
  const [problems, turns] = await countTurns(() => validate(schema, value));
  expect(problems).toEqual([{ path: 'values', message: expect.stringMatching(message) as string }]);
  // The others may end before a timer fires.
  if (problems[0]!.message.includes('CHECK_TIMEOUT_MS')) expect(turns).toBeGreaterThan(10);
  expect(await validate({ type: 'string' }, 'a')).toEqual([]);
});

it('refuses to post a schema with 10,000 nested allOf', async () => {
  const schema = nested(10_000, (inner) => ({ allOf: [inner] }), {});
  expect(await check(schema)).toEqual([
    { path: [], message: expect.stringContaining('nested too deep') as string },
  ]);
  expect(await check(FORM)).toEqual([]);
});

it('validates a value that is nested deeply', async () => {
  const tree = { type: 'object', properties: { next: { $ref: '#' } } };
  const value = nested(200, (next) => ({ next }), {}) as Json;
  expect(await validate(tree, value)).toEqual([]);
  const deeper = nested(100_000, (next) => ({ next }), {}) as Json;
  expect(await validate(tree, deeper)).toEqual([
    { path: 'values', message: expect.stringContaining('nested too deep') as string },
  ]);
});

it.each<[string, string]>([
  ['members of a schema', '{"properties":{"__proto__":{"type":"string"}},"additionalProperties":false}'],
  ['a schema', '{"__proto__":{"type":"string"},"constructor":{"prototype":{"polluted":1}}}'],
  ['definitions', '{"$defs":{"__proto__":{"polluted":{"type":"string"}}},"patternProperties":{"^__":{}}}'],
])('is not changed by __proto__ in %s', async (_what, text) => {
  const schema: unknown = JSON.parse(text);
  await check(schema);
  await validate(schema, JSON.parse('{"__proto__":{"polluted":true,"required":["x"]}}') as Json);
  expect(await validate({ additionalProperties: false }, {})).toEqual([]);
  expect(await validate({ required: ['polluted', 'constructor', '__proto__'] }, {})).toEqual([
    { path: 'values.polluted', message: 'is required' },
    { path: 'values.constructor', message: 'is required' },
    { path: 'values.__proto__', message: 'is required' },
  ]);
  expect(await validate({ properties: { __proto__: false, constructor: false } }, {})).toEqual([]);
  expect(await check(FORM)).toEqual([]);
});

it('reports values and schemas that are too long', async () => {
  expect(await validate({}, 'x'.repeat(1_000_000))).toEqual([
    { path: 'values', message: 'is longer than 1000000 bytes (OUTPUT_MAX_BYTES)' },
  ]);
  expect(await validate({ title: 'x'.repeat(200_000) }, 1)).toEqual([
    { path: 'values', message: 'has a schema that is longer than 200000 bytes (SCHEMA_MAX_BYTES)' },
  ]);
});

it('kills the validation when the signal aborts', async () => {
  // The time limit is longer than a test may take, so that only the signal ends the validation.
  const unlimited = await nodeTypes({ CHECK_TIMEOUT_MS: '600000' });
  const abort = new AbortController();
  const ended = unlimited
    .get(JsonSchemas)
    .validate('demo', { pattern: '^(a+)+$' }, `${A}!`, abort.signal, 'values');
  await sleep(100);
  abort.abort(new Error('stopped by the test'));
  await expect(ended).rejects.toThrow('stopped by the test');
  await unlimited.close();
  expect(await validate({ type: 'string' }, 'a')).toEqual([]);
});

it('answers 503 if no process becomes free, and does not make other projects wait', async () => {
  const [first, ...rest] = Array.from({ length: 4 }, () =>
    validate({ pattern: '^(a+)+$' }, `${A}!`, 'hanging'),
  );
  const refused = Promise.all(
    rest.map((ended) => expect(ended).rejects.toMatchObject({ code: 'no_worker_free' })),
  );
  for (let turn = 0; turn < 3; turn += 1) expect(await validate(FORM, { amount: 1 }, 'other')).toEqual([]);
  expect(await first).toHaveLength(1);
  await refused;
  expect(await validate(FORM, { amount: 1 }, 'hanging')).toEqual([]);
});
