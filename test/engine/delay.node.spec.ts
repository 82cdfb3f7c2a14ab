import { testRun } from '../support/node-run.js';
import { DelayNode } from '../../src/engine/nodes/delay.node.js';

const delay = new DelayNode();

it('waits and hands its only parent’s output on', async () => {
  const started = performance.now();
  expect(await delay.run(testRun({ ms: 50 }, { inputs: { a: ['x'] } }))).toEqual(['x']);
  expect(performance.now() - started).toBeGreaterThanOrEqual(48);
});

it.each([[{}], [{ a: 1, b: 2 }]])('gives null with the parents %j', async (inputs) => {
  expect(await delay.run(testRun({ ms: 0 }, { inputs }))).toBeNull();
});

it('stops at once when aborted, with the reason it was given', async () => {
  const run = testRun({ ms: 86_400_000 });
  const ended = delay.run(run);
  run.abort();
  await expect(ended).rejects.toThrow('aborted by the test');
});

it.each([{}, { ms: -1 }, { ms: 86_400_001 }, { ms: 0.5 }, { ms: '5' }, { ms: 1, extra: 1 }])(
  'refuses %j',
  (config) => {
    expect(delay.config.safeParse(config).success).toBe(false);
  },
);
