import { type ChaosTotals, runChaos } from './world.ts';

/** Of the thousands of sequences that `npm run soak:waits` runs, each part runs these many, from a fixed seed. */
const SEQUENCES = 75;

async function run(
  from: number,
  killEveryMs: number | undefined,
  settings: Record<string, string>,
): Promise<ChaosTotals> {
  const problems: string[] = [];
  const totals = await runChaos({
    sequences: SEQUENCES,
    from,
    atOnce: 30,
    killEveryMs,
    limitMs: 45_000,
    settings,
    onReport: ({ seed, violations, trace }) => {
      if (violations.length > 0) problems.push(`sequence ${seed}:`, ...violations, ...trace);
    },
  });
  expect([...problems, ...totals.violations]).toEqual([]);
  return totals;
}

describe('random sequences of pauses, cancels, answers and signals on trees that wait', () => {
  it('keep every rule while processes are killed', async () => {
    const totals = await run(1, 12_000, { DISPATCH_POLL_INTERVAL_MS: '500' });
    expect(totals.sequences).toBe(SEQUENCES);
    expect(totals.compared).toBeGreaterThan(SEQUENCES);
  });

  // A wake-up that is lost would be found only by a poll.
  it('keep every rule, and lose no wake-up, without polls', async () => {
    const { statuses } = await run(1_000, undefined, { DISPATCH_POLL_INTERVAL_MS: '600000' });
    expect(Object.keys(statuses).toSorted()).toEqual(['cancelled', 'completed', 'failed']);
  });
});
