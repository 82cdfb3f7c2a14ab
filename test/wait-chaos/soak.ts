// Runs many random sequences on the built server: npm run soak:waits -- --sequences 10000 --from 1 --at-once 100
// A seed decides the tree and the requests of a sequence; the moments of kills are random.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runChaos } from './world.ts';

const { values: given } = parseArgs({
  options: {
    sequences: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    'at-once': { type: 'string', default: '100' },
    /** 0: no process is killed. */
    'kill-every-ms': { type: 'string', default: '8000' },
    'limit-ms': { type: 'string', default: '60000' },
    'poll-ms': { type: 'string', default: '500' },
  },
});
const { EmbeddedPostgres } = (await import(
  new URL('../../dist/database/embedded-postgres.js', import.meta.url).href
)) as typeof import('../../src/database/embedded-postgres.js');

const folder = await mkdtemp(join(tmpdir(), 'cloutagent-chaos-'));
const postgres = await EmbeddedPostgres.start(folder, {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
});
process.env['TEST_DATABASE_URL'] = postgres.url;
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const began = performance.now();
let [finished, failed] = [0, 0];
try {
  const killEveryMs = Number(given['kill-every-ms']);
  const totals = await runChaos({
    sequences: Number(given.sequences),
    from: Number(given.from),
    atOnce: Number(given['at-once']),
    killEveryMs: killEveryMs > 0 ? killEveryMs : undefined,
    limitMs: Number(given['limit-ms']),
    settings: { DISPATCH_POLL_INTERVAL_MS: given['poll-ms'] },
    stopped: stop.signal,
    onReport: ({ seed, rootId, violations, trace }) => {
      finished += 1;
      if (finished % 100 === 0)
        console.log(
          `${finished} sequences after ${Math.round((performance.now() - began) / 1000)} s, ${failed} failed`,
        );
      if (violations.length === 0) return;
      failed += 1;
      console.log(`sequence ${seed} (${rootId}):`);
      for (const violation of violations) console.log(`  ! ${violation}`);
      for (const line of trace) console.log(`    ${line}`);
    },
  });
  const { output, violations, ...counts } = totals;
  for (const violation of new Set(violations)) console.log(`  ! ${violation}`);
  if (failed + violations.length > 0)
    console.log(
      output
        .split('\n')
        .filter((line) => /ERROR|WARN/i.test(line))
        .slice(-60)
        .join('\n'),
    );
  console.log(
    JSON.stringify({
      ...counts,
      failed,
      sampled: violations.length,
      seconds: Math.round((performance.now() - began) / 1000),
    }),
  );
  process.exitCode = failed + violations.length > 0 ? 1 : 0;
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
