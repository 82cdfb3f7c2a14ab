// Measures what waiting executions cost: the memory that a server holds for them after a collection, compared with the same
// server after the same work when nothing waits; how fast 1,000 of them finish; and how fast the others finish when all are
// answered at once, compared with ordinary executions in the same run. Prints tables and writes bench/results/waiting.json.
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ApiServer, forEach } from './load/api-server.ts';
import { type Figures, medians } from './load/bench.ts';
import { Build } from './load/build.ts';
import { Cluster } from './load/cluster.ts';
import type { Memory } from './load/memory.ts';

const { values: given } = parseArgs({
  options: {
    /** Waiting executions of each round, more than 1,000. */
    count: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '2' },
    concurrency: { type: 'string', default: '50' },
    /** Also prints the statements, and how often each ran per execution. */
    statements: { type: 'boolean', default: false },
  },
});
const count = Number(given.count);
const rounds = Number(given.rounds);
const concurrency = Number(given.concurrency);
/** Ordinary executions of each round. */
const ORDINARY_COUNT = 5_000;
/** Executions that are answered first, and alone. */
const FINISHED = 1_000;
const GOAL_BYTES = 1_024;
const GOAL_SECONDS = 5;
/** Longer than the time for which a process keeps what an ended execution leaves. */
const SETTLE_MS = 3_000;
const MB = 1024 * 1024;

const ORDINARY = { nodes: [{ id: 'a', type: 'delay', data: { config: { ms: 0 } } }] };
const WAITING = { nodes: [{ id: 'a', type: 'approval', data: { config: { message: 'Go on?' } } }] };
const PARKED = `(SELECT count(*) FROM cloutagent.executions
  WHERE completed_at IS NULL AND parked AND owner IS NULL AND status = 'waiting') >= $1`;
const ENDED =
  'NOT EXISTS (SELECT FROM cloutagent.executions WHERE id = ANY ($1::uuid[]) AND completed_at IS NULL)';
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

interface Wait {
  waitId: string;
  executionId: string;
}

/** Lists the open waits, as an inbox does. */
async function openWaits(server: ApiServer): Promise<Wait[]> {
  const found: Wait[] = [];
  for (let cursor: string | null | undefined = ''; cursor !== null && cursor !== undefined;) {
    const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { waits: Wait[]; nextCursor?: string | null } = await server.call(
      'GET',
      `/api/waits?limit=100${query}`,
    );
    found.push(...page.waits);
    cursor = page.nextCursor;
  }
  return found;
}

const sendAnswers = (server: ApiServer, waits: readonly Wait[]): Promise<void> =>
  forEach(waits, concurrency, ({ waitId }) =>
    server.call('POST', `/api/waits/${waitId}/answer`, { approved: true }),
  );

/** Answers some of the waits. @returns seconds until their executions have ended */
async function finish(server: ApiServer, waits: readonly Wait[]): Promise<number> {
  const began = performance.now();
  await sendAnswers(server, waits);
  await server.until(ENDED, [waits.map(({ executionId }) => executionId)]);
  return (performance.now() - began) / 1_000;
}

/** Answers all waits that are open, and waits until their executions have ended. */
async function finishAll(server: ApiServer, waits: readonly Wait[]): Promise<void> {
  await sendAnswers(server, waits);
  await server.until(ALL_ENDED);
}

const printStatements = async (server: ApiServer, executions: number): Promise<void> =>
  console.table(
    (await server.statements())
      .map(({ calls, ms, text }) => ({
        'for one execution': rounded(calls / executions),
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
    // The same work as in a round, so that code, pools and the memory of the allocator are warm in both states.
    await runOrdinary(server, ORDINARY_COUNT);
    await startWaiting(server, count);
    await finishAll(server, await openWaits(server));
    await sleep(SETTLE_MS);
    const empty = await server.memory();
    const memory: Record<string, Figures> = { empty: inMB(empty) };
    const bytesEach: Figures[] = [];
    const finished: number[] = [];
    const ordinary: Figures[] = [];
    const answered: Figures[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      ordinary.push(await server.measure(ORDINARY_COUNT, () => runOrdinary(server, ORDINARY_COUNT)));
      if (given.statements && round === 1) await printStatements(server, ORDINARY_COUNT);
      await startWaiting(server, count);
      await sleep(SETTLE_MS);
      const holding = await server.memory();
      memory[`${count} waiting, round ${round}`] = inMB(holding);
      bytesEach.push({
        heap: (holding.heapUsed - empty.heapUsed) / count,
        resident: (holding.rss - empty.rss) / count,
      });
      const waits = await openWaits(server);
      finished.push(await finish(server, waits.slice(0, FINISHED)));
      const others = waits.slice(FINISHED);
      answered.push(await server.measure(others.length, () => finishAll(server, others)));
      if (given.statements && round === 1) await printStatements(server, others.length);
      console.log(`round ${round} of ${rounds}`, memory, ordinary.at(-1), answered.at(-1));
    }
    await sleep(SETTLE_MS);
    memory['empty again'] = inMB(await server.memory());
    console.log('memory after a collection');
    console.table(memory);
    console.log(`bytes for each waiting execution (goal: ${GOAL_BYTES})`);
    console.table(bytesEach.map(roundedAll));
    console.log(
      `seconds until ${FINISHED} have finished (goal: ${GOAL_SECONDS})`,
      finished.map((time) => rounded(time)),
    );
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
    console.log(`executions that end, figures of one execution, medians of ${rounds} rounds`);
    console.table(rates);
    console.table(pairs.map(roundedAll));
    const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
    await mkdir(new URL('results/', import.meta.url), { recursive: true });
    await writeFile(
      new URL('results/waiting.json', import.meta.url),
      `${JSON.stringify({ at: new Date().toISOString(), machine, count, concurrency, rounds, memory, bytesEach: bytesEach.map(roundedAll), secondsFor1000: finished.map((time) => rounded(time)), rates, pairs: pairs.map(roundedAll) }, null, 2)}\n`,
    );
  } finally {
    await server.stop();
  }
} finally {
  await cluster.stop();
}
