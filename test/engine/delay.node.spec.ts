import { testRun } from '../support/node-run.js';
import { DelayNode } from '../../src/engine/nodes/delay.node.js';

const delay = new DelayNode();

it('waits and returns the output of its only parent', async () => {
  const started = performance.now();
  expect(await delay.run(testRun({ ms: 50 }, { inputs: { a: ['x'] } }))).toEqual(['x']);
  expect(performance.now() - started).toBeGreaterThanOrEqual(48);
});

it.each([[{}], [{ a: 1, b: 2 }]])('returns null with the parents %j', async (inputs) => {
  expect(await delay.run(testRun({ ms: 0 }, { inputs }))).toBeNull();
});

it('rejects immediately with the reason of the abort', async () => {
  const run = testRun({ ms: 999 });
  const ended = delay.run(run);
  run.abort();
  await expect(ended).rejects.toThrow('aborted by the test');
});

it.each([
  {},
  { ms: -1 },
  { ms: 86_400_001 },
  { ms: 0.5 },
  { ms: '5' },
  { ms: 1, extra: 1 },
  { until: '9999-12-31T23:59:59-14:00' },
])('refuses the config %j', (config) => {
  expect(delay.config.safeParse(config).success).toBe(false);
});
