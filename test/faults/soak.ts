// Runs many seeds of faults on the built server: npm run test:soak -- --seeds 2000 --from 1 --worlds 2
// Each seed decides the workflows, faults and control actions. For a failing seed it prints the command that repeats it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runSeeds } from './runner.ts';
import type { SeedReport } from './world.ts';

const { values: given } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    worlds: { type: 'string', default: '2' },
    verbose: { type: 'boolean', default: false },
  },
});
const { EmbeddedPostgres } = (await import(
  new URL('../../dist/database/embedded-postgres.js', import.meta.url).href
)) as typeof import('../../src/database/embedded-postgres.js');

const from = Number(given.from);
const seeds = Array.from({ length: Number(given.seeds) }, (_unused, index) => from + index);
const folder = await mkdtemp(join(tmpdir(), 'cloutagent-soak-'));
const postgres = await EmbeddedPostgres.start(folder, {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
});
process.env['TEST_DATABASE_URL'] = postgres.url;

const began = performance.now();
const faults: Record<string, number> = {};
const settled: number[] = [];
const totals = { seeds: 0, executions: 0, takeovers: 0, wrongCrashes: 0, reconnects: 0, violations: 0 };
const failing: number[] = [];

function take(report: SeedReport): void {
  totals.seeds += 1;
  totals.executions += report.executions;
  totals.takeovers += report.takeovers;
  totals.wrongCrashes += report.wrongCrashes;
  totals.reconnects += report.reconnects;
  settled.push(report.settledMs);
  for (const [kind, times] of Object.entries(report.faults)) faults[kind] = (faults[kind] ?? 0) + times;
  const { seed, profile, violations, trace, takeovers, settledMs } = report;
  if (given.verbose || violations.length > 0)
    console.log(
      `seed ${seed} (${profile}): ${violations.length} violations, ${takeovers} takeovers, settled in ${settledMs} ms`,
    );
  if (violations.length === 0) return;
  totals.violations += violations.length;
  failing.push(seed);
  for (const violation of violations) console.log(`  ! ${violation}`);
  for (const line of trace) console.log(`    ${line.replaceAll('\n', '\n      ')}`);
  console.log(`  repeat it: npm run test:soak -- --from ${seed} --seeds 1`);
}

// On a signal: finishes the running seeds, prints the summary and leaves no process.
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
try {
  await runSeeds(seeds, Number(given.worlds), take, stop.signal);
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
const [median, slowest] = [0.5, 1].map(
  (share) => settled.toSorted((a, b) => a - b)[Math.ceil(share * settled.length) - 1] ?? 0,
);
console.log('faults by kind:');
console.table(faults);
if (failing.length > 0) console.log(`failing seeds: ${failing.join(', ')}`);
console.log(
  `${totals.seeds} seeds in ${Math.round((performance.now() - began) / 1000)} s, ${totals.executions} executions, ` +
    `${totals.takeovers} takeovers, ${totals.wrongCrashes} executions with wrongly counted crashes, ` +
    `${totals.reconnects} reconnects of watchers; from the last fault to the end: median ${median} ms, slowest ${slowest} ms; ` +
    `${failing.length} seeds failed with ${totals.violations} violations`,
);
process.exitCode = failing.length > 0 ? 1 : 0;
