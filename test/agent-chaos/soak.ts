// Runs many agents on the built server: npm run soak:agents -- --agents 2000 --from 1 --at-once 20 --end-every-ms 6000
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runRandomFaults } from './random-faults.ts';

const { values: given } = parseArgs({
  options: {
    agents: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    'at-once': { type: 'string', default: '20' },
    /** 0: the process does not end. */
    'end-every-ms': { type: 'string', default: '6000' },
  },
});
const { EmbeddedPostgres } = (await import(
  new URL('../../dist/database/embedded-postgres.js', import.meta.url).href
)) as typeof import('../../src/database/embedded-postgres.js');

const folder = await mkdtemp(join(tmpdir(), 'cloutagent-agents-'));
const postgres = await EmbeddedPostgres.start(folder, {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
});
process.env['TEST_DATABASE_URL'] = postgres.url;
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const began = performance.now();
const seconds = () => Math.round((performance.now() - began) / 1_000);
let [finished, failed] = [0, 0];
try {
  const { agents, ends } = await runRandomFaults({
    agents: Number(given.agents),
    from: Number(given.from),
    atOnce: Number(given['at-once']),
    endEveryMs: Number(given['end-every-ms']),
    stopped: stop.signal,
    onReport: (seed, violations) => {
      finished += 1;
      if (finished % 100 === 0) console.log(`${finished} agents after ${seconds()} s, ${failed} failed`);
      if (violations.length === 0) return;
      failed += 1;
      console.log(`seed ${seed}:`);
      for (const violation of violations) console.log(`  ! ${violation}`);
    },
  });
  console.log(JSON.stringify({ agents, ends, failed, seconds: seconds() }));
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
