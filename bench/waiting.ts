// Measures what waiting executions cost: the memory that a server holds for them after a collection, and how fast they
// finish when all are answered at once, compared with as many ordinary executions in the same run. Prints tables and writes
// bench/results/waiting.json.
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ApiServer, forEach, type Memory } from './load/api-server.ts';
import { type Figures, medians } from './load/bench.ts';
import { Build } from './load/build.ts';
import { Cluster } from './load/cluster.ts';

const { values: given } = parseArgs({
  options: {
    /** Waiting executions, and ordinary ones, of each round. */
    count: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '3' },
    concurrency: { type: 'string', default: '50' },
    /** Also prints the statements, and how often each ran per execution. */
    statements: { type: 'boolean', default: false },
  },
});
const count = Number(given.count);
const rounds = Number(given.rounds);
const concurrency = Number(given.concurrency);
/** Executions that warm the server up, of each kind. */
const WARM_UP = 500;
/** Longer than the time for which a process keeps what an ended execution leaves. */
const SETTLE_MS = 3_000;
const MB = 1024 * 1024;

const ORDINARY = { nodes: [{ id: 'a', type: 'delay', data: { config: { ms: 0 } } }] };
const WAITING = { nodes: [{ id: 'a', type: 'approval', data: { config: { message: 'Go on?' } } }] };
const PARKED = `(SELECT count(*) FROM cloutagent.executions
  WHERE completed_at IS NULL AND parked AND owner IS NULL AND status = 'waiting') >= $1`;
const ALL_ENDED = 'NOT EXISTS (SELECT FROM cloutagent.executions WHERE completed_at IS NULL)';

const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));
const roundedAll = (figures: Figures): Figures =>
  Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, rounded(value)]));
const inMB = ({ heapUsed, external, rss, timers }: Memory): Figures => ({
  heapMB: rounded(heapUsed / MB, 1),
  externalMB: rounded(external / MB, 1),
  residentMB: rounded(rss / MB, 1),
  timers,
});

const start = (server: ApiServer, workflow: object, executions: number): Promise<void> =>
  forEach(Array.from({ length: executions }), concurrency, () => server.startExecution(workflow));

async function runOrdinary(server: ApiServer, executions: number): Promise<void> {
  await start(server, ORDINARY, executions);
  await server.until(ALL_ENDED);
}

async function startWaiting(server: ApiServer, executions: number): Promise<void> {
  await start(server, WAITING, executions);
  await server.until(PARKED, [executions]);
}

/** Lists the open waits, as an inbox does. */
async function openWaits(server: ApiServer): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null | undefined = ''; cursor !== null && cursor !== undefined;) {
    const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { waits: { waitId: string }[]; nextCursor?: string | null } = await server.call(
      'GET',
      `/api/waits?limit=100${query}`,
    );
    ids.push(...page.waits.map(({ waitId }) => waitId));
    cursor = page.nextCursor;
  }
  return ids;
}

async function answer(server: ApiServer, waits: readonly string[]): Promise<void> {
  await forEach(waits, concurrency, (id) =>
    server.call('POST', `/api/waits/${id}/answer`, { approved: true }),
  );
  await server.until(ALL_ENDED);
}

const printStatements = async (server: ApiServer): Promise<void> =>
  console.table(
    (await server.statements())
      .map(({ calls, ms, text }) => ({
        'for one execution': rounded(calls / count),
        'ms each': rounded(ms / calls, 3),
        text,
      }))
      .filter((row) => row['for one execution'] >= 0.01),
  );

const cluster = await Cluster.start({
  shared_preload_libraries: 'pg_stat_statements',
  autovacuum: 'off',
});
try {
  await cluster.admin.query('CREATE EXTENSION pg_stat_statements');
  const server = await ApiServer.start(Build.list(undefined)[0]!, cluster);
  try {
    await runOrdinary(server, WARM_UP);
    await startWaiting(server, WARM_UP);
    await answer(server, await openWaits(server));
    await sleep(SETTLE_MS);
    const memory: Record<string, Figures> = { empty: inMB(await server.memory()) };
    const ordinary: Figures[] = [];
    const answered: Figures[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      ordinary.push(await server.measure(count, () => runOrdinary(server, count)));
      if (given.statements && round === 1) await printStatements(server);
      await startWaiting(server, count);
      await sleep(SETTLE_MS);
      memory[`${count} waiting, round ${round}`] = inMB(await server.memory());
      const waits = await openWaits(server);
      answered.push(await server.measure(count, () => answer(server, waits)));
      if (given.statements && round === 1) await printStatements(server);
      console.log(`round ${round} of ${rounds}`, memory, ordinary.at(-1), answered.at(-1));
    }
    await sleep(SETTLE_MS);
    memory['empty again'] = inMB(await server.memory());
    console.log('memory after a collection');
    console.table(memory);
    const pairs = answered.map((figures, round) =>
      Object.fromEntries(
        Object.entries(figures).map(([name, value]) => [name, value / ordinary[round]![name]!]),
      ),
    );
    const rates = {
      ordinary: roundedAll(medians(ordinary)),
      answered: roundedAll(medians(answered)),
      'answered ÷ ordinary': roundedAll(medians(pairs)),
    };
    console.log(`${count} executions that end, figures of one execution, medians of ${rounds} rounds`);
    console.table(rates);
    console.table(pairs.map(roundedAll));
    const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
    await mkdir(new URL('results/', import.meta.url), { recursive: true });
    await writeFile(
      new URL('results/waiting.json', import.meta.url),
      `${JSON.stringify({ at: new Date().toISOString(), machine, count, concurrency, rounds, memory, rates, pairs: pairs.map(roundedAll) }, null, 2)}\n`,
    );
  } finally {
    await server.stop();
  }
} finally {
  await cluster.stop();
}
