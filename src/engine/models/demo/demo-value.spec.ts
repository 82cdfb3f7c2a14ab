import { pseudoRandom, WORDS } from './demo-answer.js';
import { smallestValue } from './demo-value.js';

const make = (schema: object, seed = 'seed') =>
  smallestValue(schema as Record<string, unknown>, WORDS, pseudoRandom(seed));

it.each<[object, unknown]>([
  [{}, null],
  [{ type: 'null' }, null],
  [{ const: 5 }, 5],
  [{ enum: ['only'] }, 'only'],
  [{ type: 'object', properties: { a: { type: 'string' } } }, {}],
  [{ type: 'array', items: { type: 'integer' } }, []],
  [{ type: 'array', items: { const: 1 }, minItems: 3 }, [1, 1, 1]],
  [{ type: 'array', prefixItems: [{ const: 1 }], items: { const: 2 }, minItems: 3 }, [1, 2, 2]],
  [{ type: 'integer' }, 0],
  [{ type: 'integer', minimum: 3, maximum: 9 }, 3],
  [{ type: 'integer', exclusiveMinimum: 3 }, 4],
  [{ type: 'integer', maximum: -2 }, -2],
  [{ type: 'integer', minimum: 5, multipleOf: 4 }, 8],
  [{ type: 'number', exclusiveMinimum: 0 }, 0.5],
  [{ type: ['integer', 'null'], minimum: 1 }, 1],
  [{ type: 'string', format: 'date' }, '2026-01-01'],
  [{ type: 'object', required: ['a'], properties: { a: { const: 1 } } }, { a: 1 }],
  [{ required: ['a'] }, { a: null }],
  [{ type: 'object', required: ['a'], additionalProperties: { const: 2 } }, { a: 2 }],
  [{ type: 'object', properties: { a: { const: 1 }, b: {} }, minProperties: 1 }, { a: 1 }],
  [{ anyOf: [{ const: 1 }, { const: 2 }] }, 1],
  [{ oneOf: [{ type: 'object', required: ['a'], properties: { a: { const: 1 } } }] }, { a: 1 }],
  [
    {
      allOf: [
        { properties: { a: { const: 1 } }, required: ['a'] },
        { properties: { b: { const: 2 } }, required: ['b'] },
      ],
    },
    { a: 1, b: 2 },
  ],
  [{ $ref: '#/$defs/a~1b', $defs: { 'a/b': { const: 3 } } }, 3],
  [{ $ref: '#/$defs/missing' }, null],
])('makes a small value for %j', (schema, value) => {
  expect(make(schema)).toEqual(value);
});

it('makes texts of the wanted length', () => {
  const text = make({ type: 'string', minLength: 30, maxLength: 32 }) as string;
  expect(text.length).toBeGreaterThanOrEqual(30);
  expect(text.length).toBeLessThanOrEqual(32);
  expect(make({ type: 'string', maxLength: 3 })).toHaveLength(3);
  expect(make({ type: 'string', maxLength: 0 })).toBe('');
});

it('makes the same value from the same seed, and may make another one from another seed', () => {
  const schema = { enum: Array.from({ length: 1_000 }, (_unused, index) => index) };
  expect(make(schema, 'a')).toBe(make(schema, 'a'));
  expect(make(schema, 'a')).not.toBe(make(schema, 'b'));
});

it('makes a member of the name __proto__', () => {
  const value = make({ type: 'object', required: ['__proto__'], properties: {} });
  expect(JSON.stringify(value)).toBe('{"__proto__":null}');
});

const SELF = { type: 'object', required: ['a', 'b'], properties: { a: { $ref: '#' }, b: { $ref: '#' } } };
it.each([
  ['refers to itself twice', SELF],
  ['refers to itself at the same place', { $ref: '#' }],
  ['combines itself', { allOf: [{ $ref: '#' }, { $ref: '#' }] }],
  ['wants very many items', { type: 'array', minItems: 1e9, items: { type: 'array', minItems: 1e9 } }],
  ['wants a very long text', { type: 'string', minLength: 1e9 }],
])('ends soon with a schema that %s', (_what, schema) => {
  // Without a limit, each would take hours.
  const started = performance.now();
  make(schema);
  expect(performance.now() - started).toBeLessThan(20_000);
});
