import type { TestingModule } from '@nestjs/testing';
import { OutputFormats } from '../../src/engine/agents/output-formats.js';
import { nodeTypes } from '../support/node-types.js';

let module: TestingModule;
let formats: OutputFormats;

beforeAll(async () => {
  module = await nodeTypes({ CHECK_TIMEOUT_MS: '1000', SCHEMA_MAX_BYTES: '200000' });
  formats = module.get(OutputFormats);
});
afterAll(() => module.close());

const NEVER = new AbortController().signal;
type Schema = Parameters<OutputFormats['read']>[1]['schema'];
const read = (schema: Schema, answer: unknown, projectId = 'demo', signal = NEVER) =>
  formats.read(typeof answer === 'string' ? answer : JSON.stringify(answer), { schema }, projectId, signal);
const check = (schema: object, by = formats) =>
  by.check({ schema } as never, { projectId: 'demo', request: {} } as never);

const PERSON: Schema = {
  type: 'object',
  properties: { name: { type: 'string', minLength: 1 }, age: { type: 'integer', minimum: 0 } },
  required: ['name', 'age'],
  additionalProperties: false,
};
/** A word of these letters and another letter at its end needs more steps than there are atoms. */
const CATASTROPHIC: Schema = {
  type: 'object',
  properties: { a: { type: 'string', pattern: '^(a+)+$' } },
};
const HOSTILE = { a: `${'a'.repeat(60)}!` };

it('returns an output that fits', async () => {
  expect(await read(PERSON, 'Here it is: ```json\n{"name":"Ada","age":36}\n```')).toEqual({
    output: { name: 'Ada', age: 36 },
  });
});

it('names all problems in one text for the model', async () => {
  expect(await read(PERSON, { name: '', more: 1 })).toEqual({
    problem:
      'The answer does not fit the JSON schema: age is required; name must have at least 1 character; more is not allowed.',
  });
  expect(await read(PERSON, 'I cannot.')).toEqual({
    problem: expect.stringMatching(/^The answer is not JSON: /),
  });
});

it('keeps a problem short, whatever the answer is', async () => {
  const members = Object.fromEntries(
    Array.from({ length: 500 }, (_unused, index) => [`${index}${'é'.repeat(300)}`, 1]),
  );
  const { problem } = (await read(PERSON, members)) as { problem: string };
  expect(problem.length).toBeLessThanOrEqual(2_000);
  expect(problem).toContain('; and more.');
});

it('validates a large and a deep object', async () => {
  const names = Array.from({ length: 200 }, (_unused, index) => `property${index}`);
  const wide: Schema = {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, { type: 'integer' }])),
    required: names,
  };
  const value = Object.fromEntries(names.map((name, index) => [name, index]));
  expect(await read(wide, value)).toEqual({ output: value });
  expect(await read(wide, { ...value, property7: 'x' })).toEqual({
    problem: expect.stringContaining('property7 must be an integer, not a string.'),
  });
  const deepSchema = (levels: number): Schema =>
    levels === 0
      ? { type: 'integer' }
      : { type: 'object', properties: { a: deepSchema(levels - 1) }, required: ['a'] };
  const deep = (levels: number, end: unknown): unknown => (levels === 0 ? end : { a: deep(levels - 1, end) });
  expect(await read(deepSchema(20), deep(20, 1))).toEqual({ output: deep(20, 1) });
  expect(await read(deepSchema(20), deep(20, 'x'))).toEqual({
    problem: expect.stringContaining(`${'a.'.repeat(19)}a must be an integer`),
  });
});

it('ends a regular expression that runs forever', async () => {
  await expect(read(CATASTROPHIC, HOSTILE)).rejects.toMatchObject({
    code: 'output_invalid',
    message:
      'The output cannot be validated: the schema needs more than 1000 ms for this value (CHECK_TIMEOUT_MS). Simplify its regular expressions, or send a shorter value.',
  });
});

it('lets others work while a regular expression of one project runs forever', async () => {
  // The time limit is longer than a test may take, so that others cannot wait for it.
  const unlimited = await nodeTypes({ CHECK_TIMEOUT_MS: '600000' });
  const controller = new AbortController();
  const readUnlimited = (schema: Schema, value: object, projectId: string, signal: AbortSignal) =>
    unlimited.get(OutputFormats).read(JSON.stringify(value), { schema }, projectId, signal);
  const hostile = Promise.allSettled(
    Array.from({ length: 6 }, () => readUnlimited(CATASTROPHIC, HOSTILE, 'hostile', controller.signal)),
  );
  expect(await readUnlimited(PERSON, { name: 'Ada', age: 1 }, 'other', NEVER)).toEqual({
    output: { name: 'Ada', age: 1 },
  });
  // Posting a workflow takes other processes.
  expect(await check(PERSON, unlimited.get(OutputFormats))).toEqual([]);
  controller.abort(new Error('enough'));
  for (const { status } of await hostile) expect(status).toBe('rejected');
  await unlimited.close();
});

it('stops when the signal aborts', async () => {
  const controller = new AbortController();
  const outcome = read(CATASTROPHIC, HOSTILE, 'demo', controller.signal);
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(outcome).rejects.toBe(reason);
});

it('refuses schemas that cannot be used when they are posted', async () => {
  expect(await check({ type: 'object', properties: { a: { $ref: 'https://example.com/a' } } })).toEqual([
    {
      path: ['schema', 'properties', 'a', '$ref'],
      message: expect.stringContaining('loads no other schemas'),
    },
  ]);
  expect(await check({ type: 'object', allOf: [{ $ref: '#' }] })).toEqual([
    { path: ['schema'], message: expect.stringContaining('refers to itself without an end') },
  ]);
  expect(await check({ type: 'object', required: 'a' })).toEqual([
    { path: ['schema', 'required'], message: expect.any(String) },
  ]);
  expect(await check({ type: 'object', description: 'x'.repeat(200_000) })).toEqual([
    { path: ['schema'], message: expect.stringContaining('SCHEMA_MAX_BYTES') },
  ]);
});

it('fails at once with a schema that cannot be used, which placeholders may make', async () => {
  await expect(read({ type: 'object', allOf: [{ $ref: '#' }] }, {})).rejects.toMatchObject({
    code: 'output_invalid',
    message: expect.stringMatching(/^The output cannot be validated: its schema is nested too deep/),
  });
  await expect(read({ type: 'object', description: 'x'.repeat(200_000) }, {})).rejects.toMatchObject({
    code: 'output_invalid',
  });
});

it('follows references of a schema to itself as far as the value goes', async () => {
  const tree: Schema = {
    type: 'object',
    properties: { children: { type: 'array', items: { $ref: '#' } }, name: { type: 'string' } },
    required: ['name'],
  };
  expect(await check(tree)).toEqual([]);
  const value = { name: 'a', children: [{ name: 'b', children: [] }] };
  expect(await read(tree, value)).toEqual({ output: value });
  expect(await read(tree, { name: 'a', children: [{ children: [] }] })).toEqual({
    problem: expect.stringContaining('children.0.name is required'),
  });
});

it('checks by a very large enum', async () => {
  const values = Array.from({ length: 10_000 }, (_unused, index) => `v${index}`);
  const schema: Schema = { type: 'object', properties: { a: { enum: values } } };
  expect(await read(schema, { a: 'v9999' })).toEqual({ output: { a: 'v9999' } });
  const { problem } = (await read(schema, { a: 'x' })) as { problem: string };
  expect(problem).toMatch(/a must be one of "v0", "v1"/);
  expect(problem.length).toBeLessThan(600);
});

it('treats __proto__ and constructor as ordinary members', async () => {
  const schema = JSON.parse(
    '{"type":"object","properties":{"__proto__":{"type":"integer"},"constructor":{"type":"integer"}},"additionalProperties":false}',
  ) as Schema;
  const answer = '{"__proto__":{"polluted":true},"constructor":1}';
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  const open = (await read({ type: 'object' }, answer)) as { output: object };
  expect(JSON.stringify(open.output)).toBe(answer);
  expect(await read(schema, '{"constructor":"x"}')).toEqual({
    problem: expect.stringContaining('constructor must be'),
  });
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

it('asks the provider for the schema, with closed objects', () => {
  const schema: Schema = { type: 'object', properties: { a: { type: 'string' } } };
  expect(formats.responseFormat({ schema })).toEqual({
    type: 'json',
    name: 'output',
    schema: { ...schema, additionalProperties: false },
  });
});

it('adds the schema to a prompt after its system messages', () => {
  const system = { role: 'system', content: 'Be brief.' } as const;
  const user = { role: 'user', content: [{ type: 'text', text: 'Hi' }] } as const;
  const [first, second, third] = formats.withInstructions([system, user as never], { schema: PERSON });
  expect([first, third]).toEqual([system, user]);
  expect(second).toEqual({ role: 'system', content: expect.stringContaining(JSON.stringify(PERSON)) });
});
