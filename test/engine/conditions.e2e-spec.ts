import { setTimeout as sleep } from 'node:timers/promises';
import type { TestingModule } from '@nestjs/testing';
import type { Json } from '@cloutagent/contract';
import { Conditions } from '../../src/engine/nodes/conditions.js';
import { countTurns } from '../support/event-loop.js';
import { nodeTypes } from '../support/node-types.js';

const SETTINGS = { TRANSFORM_MEMORY_MB: '64', MAX_TRANSFORM_PROCESSES: '2' };
let module: TestingModule;
let conditions: Conditions;
/** Its time limit is longer than a test may take, so that only a signal ends an endless expression. */
let unlimited: TestingModule;

beforeAll(async () => {
  module = await nodeTypes({ ...SETTINGS, TRANSFORM_TIMEOUT_MS: '1000' });
  conditions = module.get(Conditions);
  unlimited = await nodeTypes({ ...SETTINGS, TRANSFORM_TIMEOUT_MS: '600000' });
});
afterAll(async () => {
  await module.close();
  await unlimited.close();
});

const NEVER = new AbortController().signal;
const ENDLESS = '($f := function($n) { $f($n + 1) }; $f(0))';

const evaluate = (
  expressions: string[],
  document: Json = null,
  { projectId = 'demo', signal = NEVER }: { projectId?: string; signal?: AbortSignal } = {},
) => conditions.evaluate(projectId, expressions, document, signal);

it('gives the values of all conditions in their order', async () => {
  const document = { input: { ok: true, amount: 7 } };
  expect(
    await evaluate(['input.ok', 'input.amount > 10', '$not(input.ok)', 'input.amount = 7'], document),
  ).toEqual([{ value: true }, { value: false }, { value: false }, { value: true }]);
  expect(await evaluate([])).toEqual([]);
});

it.each<[string, string]>([
  ['1', '1'],
  ['"yes"', '"yes"'],
  ['null', 'null'],
  ['nothing.here', 'nothing'],
  ['[]', 'an empty list'],
  ['[true, true]', 'a list'],
  ['{ "value": true }', 'an object'],
  ['$sum', 'a function'],
  ['function($x) { true }', 'a function'],
  ['$pad("x", 100)', `"x${' '.repeat(49)}…"`],
])('does not accept %s as a truth value', async (expression, gave) => {
  expect(await evaluate([expression, 'true'])).toEqual([
    { error: `gave ${gave} instead of true or false` },
    { value: true },
  ]);
});

it('gives the message of JSONata when a condition throws', async () => {
  expect(await evaluate(['true', '$sum("a")', '$error("no")', 'input.[', 'false'])).toEqual([
    { value: true },
    { error: expect.stringMatching(/^failed: T0412: Argument 1 of function "sum"/) as string },
    { error: expect.stringMatching(/^failed: .*no$/) as string },
    { error: expect.stringMatching(/^failed: S0\d+: /) as string },
    { value: false },
  ]);
});

// Each of these would block or end a server that evaluated it in its own event loop.
it.each<[string, string, RegExp]>([
  ['endless recursion', '($f := function($n) { $f($n + 1) + 1 }; $f(0))', /^failed: .*stack|stack/i],
  ['an endless loop by tail calls', ENDLESS, /^took longer than 1000 ms \(TRANSFORM_TIMEOUT_MS\)/],
  [
    'a catastrophic regular expression',
    '$contains("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /^(a+)+$/)',
    /^took longer than 1000 ms \(TRANSFORM_TIMEOUT_MS\)/,
  ],
  ['a huge padding', '$length($pad($pad("x", 100000000), 536870000, "ab")) > 1', /TRANSFORM_|^failed: /],
  [
    'doubling a list',
    '($f := function($s, $n) { $n = 0 ? $s : $f($append($s, $s), $n - 1) }; $count($f([1,2,3,4], 60)) > 1)',
    /TRANSFORM_|^failed: /,
  ],
  ['a text of 1 MB', '('.repeat(1_000_000), /TRANSFORM_|^failed: /],
  ['a text of 1 MB that takes long to parse', `a${'@$x.b'.repeat(200_000)}`, /TRANSFORM_|^failed: /],
  [
    'a branch that never ends and another one that fails',
    `[$error("no"), ${ENDLESS}]`,
    /^took longer than 1000 ms \(TRANSFORM_TIMEOUT_MS\)/,
  ],
  [
    'a list of values that is larger than the memory',
    '[1..9999].([1..9999].([1..9999])) = 1',
    /TRANSFORM_|^failed: /,
  ],
])('fails only the condition with %s', async (_what, expression, error) => {
  const [results, turns] = await countTurns(() =>
    evaluate(['input.ok', expression, '$not(input.ok)'], { input: { ok: true } }),
  );
  expect(results).toEqual([
    { value: true },
    { error: expect.stringMatching(error) as string },
    { value: false },
  ]);
  // The others may end before a timer fires.
  if (JSON.stringify(results).includes('TRANSFORM_TIMEOUT_MS')) expect(turns).toBeGreaterThan(10);
});

it('evaluates in no more than two processes', async () => {
  const started = performance.now();
  expect(await evaluate(['true', ENDLESS, 'false', ENDLESS, 'true', ENDLESS])).toEqual([
    { value: true },
    { error: expect.stringContaining('TRANSFORM_TIMEOUT_MS') as string },
    { value: false },
    { error: expect.stringContaining('TRANSFORM_TIMEOUT_MS') as string },
    { error: expect.stringContaining('was not evaluated') as string },
    { error: expect.stringContaining('was not evaluated') as string },
  ]);
  expect(performance.now() - started).toBeGreaterThan(1_900);
  expect(await evaluate(['true'])).toEqual([{ value: true }]);
});

it('gives each condition the whole time limit', async () => {
  const slow = '$count([1..10000].($ * 2)) > 5';
  await evaluate([slow]);
  // Together they take longer than one limit.
  let count = 0;
  for (let tookMs = 0; tookMs <= 1_000;) {
    count = count * 2 + 50;
    const started = performance.now();
    const results = await evaluate(Array.from({ length: count }, () => slow));
    tookMs = performance.now() - started;
    expect(results).toEqual(Array.from({ length: count }, () => ({ value: true })));
  }
});

it('kills the evaluation when the signal aborts', async () => {
  const abort = new AbortController();
  const evaluateUnlimited = (expression: string, signal = NEVER) =>
    unlimited.get(Conditions).evaluate('demo', [expression], null, signal);
  const ended = evaluateUnlimited(ENDLESS, abort.signal);
  await sleep(100);
  abort.abort(new Error('stopped by the test'));
  await expect(ended).rejects.toThrow('stopped by the test');
  await expect(evaluateUnlimited('true', abort.signal)).rejects.toThrow('stopped by the test');
  expect(await evaluateUnlimited('true')).toEqual([{ value: true }]);
});

it.each<[string, string]>([
  ['replaces a function', '{ "a": 1 } ~> |$sum|{ "implementation": 5, "signature": 5 }|'],
  ['binds a variable', '($left := true; $left)'],
  ['changes the document', '($ ~> |$|{ "ok": false }|).ok'],
  ['assigns to a prototype', '{ "a": 1 } ~> |$|{ "__proto__": { "ok": false } }|'],
])('leaves nothing for the next condition when one %s', async (what, expression) => {
  const [, ...results] = await evaluate(
    [expression, 'ok', '$sum([1, 2]) = 3', '$not($exists($left))', '$keys($) = "ok"'],
    { ok: true },
    { projectId: what },
  );
  expect(results).toEqual([{ value: true }, { value: true }, { value: true }, { value: true }]);
});

it('reads data with members of any name', async () => {
  const document = JSON.parse('{"constructor":1,"__proto__":{"a":4},"then":6}') as Json;
  expect(await evaluate(['constructor = 1', '`__proto__`.a = 4', 'then = 6'], document)).toEqual([
    { value: true },
    { value: true },
    { value: true },
  ]);
});

it('evaluates on a document that is nested deeply', async () => {
  let document: Json = { ok: true };
  for (let depth = 0; depth < 1_000; depth += 1) document = [document];
  expect(await evaluate(['**.ok'], document)).toHaveLength(1);
  expect(await evaluate(['true'], document)).toEqual([{ value: true }]);
});

it("does not make one project wait for another's conditions", async () => {
  const abort = new AbortController();
  const evaluateUnlimited = (projectId: string, expression: string, signal: AbortSignal) =>
    unlimited.get(Conditions).evaluate(projectId, [expression], null, signal);
  const hanging = Promise.allSettled(
    Array.from({ length: 5 }, () => evaluateUnlimited('hanging', ENDLESS, abort.signal)),
  );
  for (const left of [2, 3, 4])
    expect(await evaluateUnlimited('other', `1 + ${left} = ${1 + left}`, NEVER)).toEqual([{ value: true }]);
  abort.abort(new Error('stopped by the test'));
  for (const { status } of await hanging) expect(status).toBe('rejected');
});
