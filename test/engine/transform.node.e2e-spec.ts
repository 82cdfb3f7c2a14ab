import { setTimeout as sleep } from 'node:timers/promises';
import type { TestingModule } from '@nestjs/testing';
import type { Json } from '@cloutagent/contract';
import { countTurns } from '../support/event-loop.js';
import { testRun } from '../support/node-run.js';
import { nodeTypes } from '../support/node-types.js';
import type { NodeError } from '../../src/engine/extension/node-handler.js';
import { TransformNode } from '../../src/engine/nodes/transform.node.js';

const ENDLESS = '($f := function($n) { $f($n + 1) }; $f(0))';
const SETTINGS = {
  TRANSFORM_MEMORY_MB: '64',
  MAX_TRANSFORM_PROCESSES: '2',
  CHECK_TIMEOUT_MS: '500',
  OUTPUT_MAX_BYTES: '100000',
};
let module: TestingModule;
let transform: TransformNode;
/** Its time limit is longer than a test may take, so that only a signal ends an endless expression. */
let unlimited: TestingModule;

beforeAll(async () => {
  process.env['SECRET_OF_THE_SERVER'] = 'hunter2';
  module = await nodeTypes({ ...SETTINGS, TRANSFORM_TIMEOUT_MS: '1000' });
  transform = module.get(TransformNode);
  unlimited = await nodeTypes({ ...SETTINGS, TRANSFORM_TIMEOUT_MS: '600000' });
});
afterAll(async () => {
  await module.close();
  await unlimited.close();
});

type Inputs = { input?: Json; inputs?: Record<string, Json>; signal?: AbortSignal; projectId?: string };
const evaluateBy = (node: TransformNode, expression: string, more: Inputs = {}) =>
  node.run(testRun(node.config.parse({ expression }), more));
const evaluate = (expression: string, more?: Inputs) => evaluateBy(transform, expression, more);
const evaluateUnlimited = (expression: string, more?: Inputs) =>
  evaluateBy(unlimited.get(TransformNode), expression, more);

it.each<[string, Json]>([
  ['input.items[price > 2].name', ['b', 'c']],
  ['$sum(input.items.price)', 9],
  ['nodes.writer.output & "!"', 'written!'],
  ['{ "n": $count(input.items), "first": input.items[0] }', { n: 3, first: { name: 'a', price: 2 } }],
  ['nothing.here', null],
  ['[]', []],
  ['$base64decode($base64encode("hi"))', 'hi'],
  ['$map([1..3], function($n) { $n * 2 })', [2, 4, 6]],
  ['"😀" & $uppercase("é")', '😀É'],
  ['input.items ~> $map(function($i) { $i.name }) ~> $join("-")', 'a-b-c'],
])('evaluates the expression %s', async (expression, expected) => {
  const input = {
    items: [
      { name: 'a', price: 2 },
      { name: 'b', price: 3 },
      { name: 'c', price: 4 },
    ],
  };
  expect(await evaluate(expression, { input, inputs: { writer: 'written' } })).toEqual(expected);
});

// Each of these would block or end a server that evaluated it in its own event loop.
it.each<[string, string]>([
  ['endless recursion', '($f := function($n) { $f($n + 1) + 1 }; $f(0))'],
  ['an endless loop by tail calls', ENDLESS],
  ['a huge range', '[1..9999999]'],
  ['ranges of ranges', '[1..9999].([1..9999].([1..9999]))'],
  ['a huge padding', '$pad("x", 500000000)'],
  ['paddings of paddings', '$pad($pad("x", 100000000), 536870000, "ab")'],
  [
    'doubling a string',
    '($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $length($f("xxxxxxxx", 60)))',
  ],
  [
    'doubling a list',
    '($f := function($s, $n) { $n = 0 ? $s : $f($append($s, $s), $n - 1) }; $count($f([1,2,3,4], 60)))',
  ],
  [
    'a catastrophic regular expression',
    '$contains("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /^(a+)+$/)',
  ],
  ['a replacement that explodes', '$replace($pad("a", 1000000, "a"), /a/, $pad("b", 10000, "b"))'],
  ['a result longer than OUTPUT_MAX_BYTES', '$pad("x", 200000)'],
  ['eval of an endless loop', `$eval("${ENDLESS}")`],
  ['a function as the result', 'function($x) { $x }'],
  ['a function inside the result', '{ "f": $sum }'],
  ['an error of its own', '$error("no")'],
  ['a wrong type', '$sum("a")'],
])('fails with %s and then evaluates the next expression', async (_what, expression) => {
  const [error, turns] = await countTurns(() =>
    evaluate(expression).then(
      () => undefined,
      (reason: NodeError) => reason,
    ),
  );
  expect(error?.code).toBe('transform_failed');
  // The others may end before a timer fires.
  if (error?.message.includes('TRANSFORM_TIMEOUT_MS')) expect(turns).toBeGreaterThan(10);
  expect(await evaluate('1 + 1')).toBe(2);
});

it.each([
  ['$keys(window)', null],
  ['$.constructor', null],
  ['input.__proto__', null],
  ['$lookup(input, "constructor")', null],
])('reveals nothing of the server to the expression %s', async (expression, expected) => {
  expect(await evaluate(expression, { input: {} })).toEqual(expected);
});

it('kills the evaluation when the run is aborted', async () => {
  const abort = new AbortController();
  const ended = evaluateUnlimited(ENDLESS, { signal: abort.signal });
  await sleep(150);
  abort.abort(new Error('aborted by the test'));
  await expect(ended).rejects.toThrow('aborted by the test');
});

it('evaluates many expressions at once with few processes', async () => {
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, index) => evaluate(`input + ${index}`, { input: 1 })),
  );
  expect(results).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
});

// If one of these could change shared state, the next expression of the project would see it.
it.each<[string, string]>([
  ['replaces a function', '{ "a": 1 } ~> |$sum|{ "implementation": 5, "signature": 5 }|'],
  ['removes a function', '{ "a": 1 } ~> |$sum|{}, ["implementation", "signature"]|'],
  ['adds to a function', '{ "a": 1 } ~> |$sum|{ "left": "behind" }|'],
  ['names a function', '{ "a": 1 } ~> |$uppercase|{ "token": "left", "position": 999 }|'],
  ['gives a function another name', '($left := $uppercase; $left("a"))'],
  ['changes what functions are chained by', '{ "a": 1 } ~> |($sum ~> $count)|{ "body": 5, "arguments": 5 }|'],
  ['binds a variable', '($left := "behind"; $left)'],
  ['binds a variable of the library', '($sum := function($x) { "left" }; $sum([1]))'],
  ['matches a text', '$match("left behind", /left/).match'],
  ['assigns to a prototype', '{ "a": 1 } ~> |$|{ "__proto__": { "left": "behind" } }|'],
  [
    'defines what everything has',
    '{ "__proto__": { "left": 1 }, "constructor": { "prototype": { "left": 1 } } }',
  ],
  ['evaluates text', '$eval("($left := 1; $left)")'],
])('leaves nothing for the next expression when one %s', async (what, expression) => {
  const project = { projectId: what };
  await evaluate(expression, project).catch(() => undefined);
  expect(
    await evaluate('[$sum([1, 2]), $count([1]), $uppercase("a"), $exists($left), $exists(left)]', project),
  ).toEqual([3, 1, 'A', false, false]);
  expect(await evaluate('[1, 2] ~> $map(function($x) { $x * 2 }) ~> $sum', project)).toBe(6);
  // Records that were left over would make the library name $uppercase in this message.
  await expect(evaluate('$map([1], $uppercase)', project)).rejects.toThrow(
    'Argument 1 of function "map" does not match',
  );
});

it('accepts data with members of any name', async () => {
  const input = JSON.parse(
    '{"constructor":1,"toString":{"valueOf":2},"hasOwnProperty":3,"__proto__":{"a":4},"prototype":5,"then":6}',
  ) as Json;
  expect(JSON.stringify(await evaluate('input', { input }))).toBe(JSON.stringify(input));
  expect(
    JSON.stringify(await evaluate('{ "constructor": 1, "toString": 2, "valueOf": { "hasOwnProperty": 3 } }')),
  ).toBe('{"constructor":1,"toString":2,"valueOf":{"hasOwnProperty":3}}');
  expect(await evaluate('input ~> |$|{ "isPrototypeOf": 7 }|', { input: { a: 1 } })).toEqual({
    a: 1,
    isPrototypeOf: 7,
  });
});

it.each<[string, Json]>([
  ['', ''],
  ['f', 'Zg=='],
  ['fo', 'Zm8='],
  ['foo', 'Zm9v'],
  ['é\u0000ÿ', '6QD/'],
])('encodes %j in base64 and decodes it', async (text, encoded) => {
  expect(await evaluate('$base64encode(input)', { input: text })).toBe(encoded);
  expect(await evaluate('$base64decode(input)', { input: encoded })).toBe(text);
});
it('decodes base64 like browsers', async () => {
  expect(await evaluate('$base64decode(" Zm 8\n")')).toBe('fo');
  for (const wrong of ['Zm9vY', 'Zm8*', 'Z=m8'])
    await expect(evaluate('$base64decode(input)', { input: wrong })).rejects.toThrow('not correctly encoded');
  await expect(evaluate('$base64encode("€")')).rejects.toThrow('Invalid character');
});

it('finishes only when every branch of an expression has ended', async () => {
  // The first element fails at once; the other one never ends.
  await expect(evaluate(`[$error("no"), ${ENDLESS}]`)).rejects.toThrow('TRANSFORM_TIMEOUT_MS');
  expect(await evaluate('1 + 1')).toBe(2);
});

it("does not make one project wait for another's expressions", async () => {
  const abort = new AbortController();
  const hanging = Promise.allSettled(
    Array.from({ length: 5 }, () =>
      evaluateUnlimited(ENDLESS, { projectId: 'hanging', signal: abort.signal }),
    ),
  );
  for (const left of [2, 3, 4])
    expect(await evaluateUnlimited(`1 + ${left}`, { projectId: 'other' })).toBe(1 + left);
  abort.abort(new Error('aborted by the test'));
  for (const { status } of await hanging) expect(status).toBe('rejected');
});

describe('the check of a posted expression', () => {
  const check = (expression: string, request: object = {}) =>
    transform.check({ expression }, { projectId: 'demo', request });

  it('reports a syntax error', async () => {
    expect(await check('input.[')).toEqual([
      { path: ['expression'], message: expect.stringContaining('is not valid JSONata') as string },
    ]);
    expect(await check('('.repeat(20_000))).toHaveLength(1);
  });

  it('finds no problem in a valid expression', async () => {
    expect(await check('input.a')).toEqual([]);
  });

  it('does not parse an expression that contains a placeholder', async () => {
    expect(await check('{{input}}(')).toEqual([]);
  });

  it('refuses a config with an unknown member', () => {
    expect(transform.config.safeParse({ expression: 'input', extra: 1 }).success).toBe(false);
  });

  it('gives each expression of a workflow its own result', async () => {
    const workflow = {};
    const checks = await Promise.all(
      Array.from({ length: 100 }, (_, index) => check(index % 2 ? `input + ${index}` : `input +`, workflow)),
    );
    expect(checks.map((problems) => problems.length)).toEqual(checks.map((_, index) => (index % 2 ? 0 : 1)));
  });

  // Each has 20,000 characters.
  it.each([
    ['contexts', `a${'@$x.b'.repeat(3_999)}`],
    ['positions', `a${'#$i.b'.repeat(3_999)}`],
    ['parents', `a.b.c${'.(%.%)'.repeat(3_332)}`],
  ])('refuses expressions that take too long to parse: %s', async (_what, expression) => {
    const workflow = {};
    const [found, turns] = await countTurns(() =>
      Promise.all(Array.from({ length: 40 }, () => check(expression, workflow))),
    );
    expect(turns).toBeGreaterThan(10);
    expect(found.flat()).toEqual([
      {
        path: ['expression'],
        message: expect.stringContaining('CHECK_TIMEOUT_MS') as string,
        code: 'expression_too_complex',
      },
    ]);
    expect(await check('input.a')).toEqual([]);
  });
});
