import { runSeeds } from './runner.ts';
import type { SeedReport } from './world.ts';

// Twelve of the thousands of seeds that `npm run test:soak` runs. They cover each profile except the default settings,
// whose long intervals would take too much time.
const SEEDS = [2, 6, 14, 17, 21, 25, 30, 38, 41, 45, 63, 72];
const WORLDS = 3;

describe('executions under injected faults', () => {
  const reports = new Map(SEEDS.map((seed) => [seed, Promise.withResolvers<SeedReport>()]));
  let finished: Promise<void> | undefined;

  beforeAll(() => {
    finished = runSeeds(SEEDS, WORLDS, (report) => reports.get(report.seed)!.resolve(report)).catch(
      (error: unknown) => {
        for (const { reject } of reports.values()) reject(error);
      },
    );
  });
  afterAll(() => finished);

  it.each(SEEDS)('have one owner and one terminal event with seed %i', async (seed) => {
    const { violations, trace } = await reports.get(seed)!.promise;
    if (violations.length === 0) return;
    const repeat = `Repeat it: npm run test:soak -- --from ${seed} --seeds 1`;
    throw new Error([...violations, ...trace, repeat].join('\n'));
  });
});
