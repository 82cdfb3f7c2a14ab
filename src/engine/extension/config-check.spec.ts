import { Workflow } from '@cloutagent/contract';
import { z } from 'zod';
import { check } from '../../problems/schema-problems.js';
import { type CheckedNode, checkTemplate, placeholderProblems } from './config-check.js';
import { ConfigFields, withShape } from './config-field.js';

const fieldAt = (schema: z.ZodType | undefined, path: (string | number)[]) =>
  path.reduce((fields, key) => fields.at(key), ConfigFields.of(schema)).field;

const types = new Map([
  ['before', 'agent'],
  ['pay', 'wait'],
  ['late', 'wait'],
  ['me', 'http'],
]);
const node = (schema?: z.ZodType): CheckedNode => ({
  id: 'me',
  nodes: types,
  schema,
  hasPublicUrl: true,
  typeOf: (id) => types.get(id),
  isBefore: (id) => id === 'before' || id === 'pay',
  nearest: (id) => (id === 'befor' ? 'before' : undefined),
});

const schemas = {
  strict: z.strictObject({ ms: z.int().min(5), name: z.string().max(5).optional() }),
  union: z.union([z.strictObject({ ms: z.int() }), z.strictObject({ until: z.iso.datetime() })]),
  refined: z
    .strictObject({ method: z.enum(['GET', 'POST']), body: z.unknown().optional() })
    .refine(({ method, body }) => method === 'POST' || body === undefined, {
      path: ['body'],
      message: 'no body',
    }),
  list: z.strictObject({ list: z.array(z.strictObject({ n: z.number() })) }),
  email: z.strictObject({ to: z.email() }),
};

it.each([
  ['strict', { ms: '{{input.ms}}' }, []],
  ['strict', { ms: 'x{{input.ms}}' }, []],
  ['strict', { ms: 'soon' }, ['ms']],
  ['strict', { ms: '\\{{input.ms}}' }, ['ms']],
  ['strict', { ms: '{{input.ms}}', name: 'too long' }, ['name']],
  ['strict', { ms: '{{input.ms}}', name: '{{input.name}}' }, []],
  ['strict', { ms: '{{input.ms}}', what: '{{input}}' }, ['what']],
  ['strict', { ms: 1, name: '{{input.name}}' }, ['ms']],
  ['union', { until: '{{input.until}}' }, []],
  ['union', { ms: '{{input.ms}}' }, []],
  ['refined', { method: 'GET', body: '{{input}}' }, ['body']],
  ['refined', { method: '{{input.method}}', body: '{{input}}' }, []],
  ['list', { list: '{{input}}' }, []],
  ['list', { list: [{ n: '{{input}}' }, { n: 'x' }] }, ['list.1.n']],
  ['list', { list: [{ n: '{{input}}' }, { n: 1 }] }, []],
  ['email', { to: '{{input.to}}' }, []],
  ['email', { to: 'nobody' }, ['to']],
] as const)('finds the problems of a config before it is filled in: %s %j', (name, config, paths) => {
  const { problems } = checkTemplate(config, node(schemas[name]), (draft) =>
    check(schemas[name] as z.ZodType, draft),
  );
  expect(problems.map(({ path }) => path.join('.'))).toEqual(paths);
});

it('gives a parsed config with samples, whose problems say nothing', () => {
  const config = { ms: '{{input.ms}}', name: 'x' };
  const checked = checkTemplate(config, node(schemas.strict), (draft) => check(schemas.strict, draft));
  expect(checked).toMatchObject({ problems: [], data: { ms: 5, name: 'x' } });
  if (checked.data === undefined) throw new Error('not parsed');
  expect([['ms'], ['ms', 0], ['name'], []].map((path) => checked.isUnknown(path))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

it('stays fast for 100,000 placeholders where each is a problem of the schema', () => {
  const schema = z.strictObject({ list: z.array(z.number()) });
  const config = { list: Array.from({ length: 100_000 }, () => '{{input.n}}') };
  const before = performance.now();
  expect(checkTemplate(config, node(schema), (draft) => check(schema, draft)).problems).toEqual([]);
  expect(performance.now() - before).toBeLessThan(60_000);
});

it.each([
  ['{{nodes.before.output.x}}', undefined],
  ['{{nodes.before.error.code?}}', undefined],
  ['{{nodes.late.callbackUrl}}', undefined],
  ['{{nodes.pay.callbackUrl}}', undefined],
  ['{{nodes.before.callbackUrl}}', 'only a node of the type wait has one'],
  ['{{nodes.late.output}}', 'does not come before this node'],
  ['{{nodes.me.output}}', 'does not come before this node'],
  ['{{nodes.befor.output}}', 'did you mean "before"?'],
  ['{{nodes["no such"].output}}', 'there is no node "no such"'],
  ['{{nodes["before"]}}', 'write .output'],
  ["{{nodes['before'].output}}", 'with double quotes'],
  ['{{nodes.pay.callbackUrl.x}}', 'callbackUrl is text'],
])('finds placeholders that cannot exist: %s', (text, message) => {
  const problems = placeholderProblems({ a: [text] }, node());
  expect(problems).toEqual(
    message === undefined ? [] : [{ path: ['a', 0], message: expect.stringContaining(message) as string }],
  );
});

it('lists a bounded number of problems', () => {
  expect(placeholderProblems({ a: '{{nodes.no.output}}'.repeat(10_000) }, node())).toHaveLength(100);
});

it.each([
  ['text', z.string(), 'plain', true],
  [
    'optional text',
    z
      .string()
      .nullish()
      .transform((value) => value ?? 'x'),
    'plain',
    true,
  ],
  ['an enum', z.enum(['a']), 'plain', true],
  ['a literal', z.literal('a'), 'plain', true],
  ['lazy text', z.lazy(() => z.string()), 'plain', true],
  ['text after a function', z.preprocess((value) => value, z.string()), 'plain', true],
  ['a URL', z.url().optional(), 'url', true],
  ['a declared URL', z.string().meta({ placeholders: 'url' }).max(5).nullable(), 'url', true],
  ['a number', z.number(), 'plain', false],
  ['a number or text', z.union([z.number(), z.string()]), 'plain', false],
  ['anything', z.unknown(), 'plain', false],
  ['a function', z.transform((value) => value), 'plain', false],
  ['a described function', withShape(z.unknown().transform(String), z.string()), 'plain', true],
  ['a workflow', Workflow.optional(), 'none', true],
])('sees from the schema how a field is filled in: %s', (_name, schema, text, takesText) => {
  expect(fieldAt(z.strictObject({ field: schema }), ['field'])).toMatchObject({ text, takesText });
  expect(
    fieldAt(z.union([z.strictObject({ other: z.null() }), z.looseObject({ field: schema })]), ['field']),
  ).toMatchObject({
    text,
    takesText,
  });
});

it('sees the fields of lists, records and tuples', () => {
  const schema = z
    .object({ list: z.array(z.object({ n: z.number() })), pair: z.tuple([z.url()], z.int()) })
    .catchall(z.string());
  expect(fieldAt(schema, ['list', 3, 'n'])).toMatchObject({ takesText: false, mayBeAbsent: false });
  expect(fieldAt(schema, ['list', 3])).toMatchObject({ takesText: false, mayBeAbsent: true });
  expect(fieldAt(schema, ['pair', 0])).toMatchObject({ text: 'url', takesText: true });
  expect(fieldAt(schema, ['pair', 1])).toMatchObject({ takesText: false });
  expect(fieldAt(schema, ['other'])).toMatchObject({ takesText: true, mayBeAbsent: true });
  expect(fieldAt(undefined, ['x'])).toMatchObject({ text: 'plain', takesText: false });
});
