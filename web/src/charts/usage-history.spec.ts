import type { ExecutionEvent } from '@cloutagent/client';
import { addUsage, NO_HISTORY } from './usage-history.js';

const usage = (sequence: number, output: number) =>
  ({
    sequence,
    type: 'execution:token-usage',
    timestamp: new Date(sequence * 1_000).toISOString(),
    usage: { input: 1, output, total: output + 1 },
  }) as ExecutionEvent;
const spent = (sequence: number, totalCostUSD: number | null) =>
  ({
    sequence,
    type: 'execution:cost-update',
    timestamp: new Date(sequence * 1_000).toISOString(),
    totalCostUSD,
  }) as ExecutionEvent;

it('addUsage adds each event once, also when it is delivered again', () => {
  const first = addUsage(NO_HISTORY, [usage(3, 10), spent(4, 0.5), spent(5, null)]);
  expect(addUsage(first, [usage(3, 10), spent(4, 0.5)])).toBe(first);
  expect(addUsage(first, [usage(7, 20)])).toEqual({
    input: [3, 7].map((second) => ({ at: second * 1_000, value: 1 })),
    output: [
      { at: 3_000, value: 10 },
      { at: 7_000, value: 20 },
    ],
    costUSD: [{ at: 4_000, value: 0.5 }],
    last: 7,
  });
});

it('addUsage limits the number of points and keeps the last one', () => {
  let history = NO_HISTORY;
  for (let sequence = 1; sequence <= 5_000; sequence += 1)
    history = addUsage(history, [usage(sequence, sequence)]);
  expect(history.output.length).toBeLessThanOrEqual(1_000);
  expect(history.output.at(-1)).toEqual({ at: 5_000_000, value: 5_000 });
});
