import { z } from 'zod';
import { check, checkAsync } from './schema-problems.js';

const Limits = z.strictObject({ maxTokens: z.int().optional(), maxCostUSD: z.number().optional() });
const Request = z.strictObject({ limits: Limits.optional(), items: z.array(Limits).optional() });

const problemsOf = (value: unknown): string[] =>
  (check(Request, value).problems ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);

it('check returns the parsed value', () => {
  expect(check(z.object({ n: z.coerce.number() }), { n: '1' })).toEqual({ success: true, data: { n: 1 } });
});

it('check reports each unknown member with its path and the nearest known name', () => {
  expect(
    problemsOf({ limits: { maxTokenss: 1, maxcost: 1 }, items: [{}, { colour: 1 }], limit: {} }),
  ).toEqual([
    'limits.maxTokenss: is not known: did you mean maxTokens?',
    'limits.maxcost: is not known: did you mean maxCostUSD?',
    'items.1.colour: is not known: remove it, or use one of maxTokens, maxCostUSD',
    'limit: is not known: did you mean limits?',
  ]);
});

it('check reports invalid values beside unknown members', () => {
  expect(problemsOf({ limits: { maxTokens: 'x', maxTokenss: 1 } })).toEqual([
    expect.stringMatching(/^limits\.maxTokens: Invalid input/),
    'limits.maxTokenss: is not known: did you mean maxTokens?',
  ]);
});

it('check says that a value is required, and how a time is written', () => {
  const schema = z.object({ id: z.string(), at: z.iso.datetime(), until: z.iso.datetime({ error: 'own' }) });
  expect(check(schema, { at: 'tomorrow', until: 'tomorrow' }).problems).toEqual([
    { path: ['id'], message: 'is required' },
    { path: ['at'], message: 'must be a time in ISO 8601 and UTC, such as 2026-11-23T18:00:00Z' },
    { path: ['until'], message: 'own' },
  ]);
});

it('check describes at most 100 unknown members and cuts their names', () => {
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`member${index}`, 1]));
  expect(problemsOf({ limits: many })).toHaveLength(100);
  expect(problemsOf({ ['x'.repeat(1_000_000)]: 1 })[0]!.length).toBeLessThan(200);
});

it.each<[string, z.ZodType]>([
  ['a union', z.union([z.strictObject({ a: z.string() }), z.string()])],
  ['a default', z.strictObject({ a: z.string() }).default({ a: '' })],
  ['a pipe', z.strictObject({ a: z.string() }).transform(({ a }) => a)],
  ['an intersection', z.intersection(z.strictObject({ a: z.string() }), z.strictObject({ a: z.string() }))],
  ['an object with a message of its own', z.strictObject({ a: z.string() }, { error: 'own' })],
])('check refuses an unknown member of %s', (_kind, schema) => {
  expect(check(schema, { a: 'x', b: 'y' }).problems).toHaveLength(1);
});

it('check reports members with names of Object.prototype', () => {
  expect(problemsOf(JSON.parse('{"__proto__":1,"constructor":1}'))).toEqual([
    '__proto__: is not known: remove it, or use one of limits, items',
    'constructor: is not known: remove it, or use one of limits, items',
  ]);
});

it('checkAsync checks schemas with asynchronous refinements', async () => {
  const schema = z.strictObject({ a: z.string().refine((text) => Promise.resolve(text === 'x')) });
  expect(await checkAsync(schema, { a: 'x' })).toEqual({ success: true, data: { a: 'x' } });
  expect((await checkAsync(schema, { a: 'y', A: 1 })).problems?.map(({ message }) => message)).toEqual([
    'is not known: did you mean a?',
    'Invalid input',
  ]);
});
