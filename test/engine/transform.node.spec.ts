import { setTimeout as sleep } from 'node:timers/promises';
import type { TestingModule } from '@nestjs/testing';
import type { Json } from '@cloutagent/contract';
import { testRun } from '../support/node-run.js';
import { nodeTypes } from '../support/node-types.js';
import { TransformNode } from '../../src/engine/nodes/transform.node.js';

let module: TestingModule;
let transform: TransformNode;

beforeAll(async () => {
  process.env['SECRET_OF_THE_SERVER'] = 'hunter2';
  module = await nodeTypes({
    TRANSFORM_TIMEOUT_MS: '1000',
    TRANSFORM_MEMORY_MB: '64',
    TRANSFORM_PROCESSES: '2',
    OUTPUT_MAX_BYTES: '100000',
  });
  transform = module.get(TransformNode);
});
afterAll(() => module.close());

const evaluate = (
  expression: string,
  more: { input?: Json; inputs?: Record<string, Json>; signal?: AbortSignal } = {},
) => transform.run(testRun(transform.config.parse({ expression }), more));

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
])('evaluates %s', async (expression, expected) => {
  const input = {
    items: [
      { name: 'a', price: 2 },
      { name: 'b', price: 3 },
      { name: 'c', price: 4 },
    ],
  };
  expect(await evaluate(expression, { input, inputs: { writer: 'written' } })).toEqual(expected);
});

// Each of these would stop or end a server that evaluated it in its own event loop.
it.each<[string, string]>([
  ['endless recursion', '($f := function($n) { $f($n + 1) + 1 }; $f(0))'],
  ['an endless loop by tail calls', '($f := function($n) { $f($n + 1) }; $f(0))'],
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
  ['a result longer than an output may be', '$pad("x", 200000)'],
  ['eval of an endless loop', '$eval("($f := function($n) { $f($n + 1) }; $f(0))")'],
  ['a function as the result', 'function($x) { $x }'],
  ['a function inside the result', '{ "f": $sum }'],
  ['an error of its own', '$error("no")'],
  ['a wrong type', '$sum("a")'],
])('fails with %s and goes on', async (_what, expression) => {
  let late = 0;
  let last = performance.now();
  const beat = setInterval(() => {
    late = Math.max(late, performance.now() - last);
    last = performance.now();
  }, 10);
  await expect(evaluate(expression)).rejects.toMatchObject({
    code: 'transform_failed',
  });
  clearInterval(beat);
  expect(late).toBeLessThan(400);
  expect(await evaluate('1 + 1')).toBe(2);
});

it.each([
  ['$keys(window)', null],
  ['$.constructor', null],
  ['input.__proto__', null],
  ['$lookup(input, "constructor")', null],
])('shows nothing of the server with %s', async (expression, expected) => {
  expect(await evaluate(expression, { input: {} })).toEqual(expected);
});

it('stops when it is aborted', async () => {
  const run = testRun(transform.config.parse({ expression: '($f := function($n) { $f($n + 1) }; $f(0))' }));
  const started = performance.now();
  const ended = transform.run(run);
  await sleep(150);
  run.abort();
  await expect(ended).rejects.toThrow('aborted by the test');
  expect(performance.now() - started).toBeLessThan(900);
});

it('evaluates many at once, in a few processes', async () => {
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, index) => evaluate(`input + ${index}`, { input: 1 })),
  );
  expect(results).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
});

it('reports wrong syntax when posted', () => {
  expect(transform.check({ expression: 'input.[' })).toEqual([
    { path: ['expression'], message: expect.stringContaining('is not valid JSONata') as string },
  ]);
  expect(transform.check({ expression: '('.repeat(20_000) })).toHaveLength(1);
  expect(transform.check({ expression: 'input.a' })).toEqual([]);
  expect(transform.config.safeParse({ expression: 'input', extra: 1 }).success).toBe(false);
});
