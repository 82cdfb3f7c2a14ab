// Measures child executions: a `map` over many items against as many separate executions of the same workflow, in the same
// run. Then the same map on two processes, and how many of its children each of them ran. Prints tables and writes
// bench/results/children.json.
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { ApiServer, forEach } from './load/api-server.ts';
import { type Figures, medians } from './load/bench.ts';
import { Build } from './load/build.ts';
import { Cluster } from './load/cluster.ts';

const { values: given } = parseArgs({
  options: {
    /** Items of the map, and separate executions, of each round. */
    count: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    /** Separate executions that are started at the same time. */
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
/** Children of one map that run at the same time. */
const CONCURRENCIES = [1, 20, 100];

const TRIVIAL = { nodes: [{ id: 'a', type: 'delay', data: { config: { ms: 0 } } }] };
/** A child that takes a while, so that its process matters. */
const SLOW = { nodes: [{ id: 'a', type: 'delay', data: { config: { ms: 200 } } }] };
const SLOW_COUNT = Math.ceil(count / 5);
const mapOver = (mapConcurrency: number, workflow: object): object => ({
  nodes: [
    {
      id: 'all',
      type: 'map',
      data: { config: { items: '{{input}}', workflow, concurrency: mapConcurrency, onError: 'fail' } },
    },
  ],
});
const ALL_ENDED = 'NOT EXISTS (SELECT FROM cloutagent.executions WHERE completed_at IS NULL)';

const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));
const roundedAll = (figures: Figures): Figures =>
  Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, rounded(value)]));

async function runSeparate(server: ApiServer, executions: number): Promise<void> {
  await forEach(Array.from({ length: executions }), concurrency, () => server.startExecution(TRIVIAL));
  await server.until(ALL_ENDED);
}

/** Runs a map. @returns the id of its execution */
async function runMap(
  server: ApiServer,
  items: number,
  mapConcurrency: number,
  workflow: object = TRIVIAL,
): Promise<string> {
  const input = Array.from({ length: items }, (_unused, index) => index);
  const id = await server.startExecution(mapOver(mapConcurrency, workflow), input);
  await server.until(ALL_ENDED);
  const [row] = await server.query<{ status: string; error: unknown }>(
    'SELECT status, error FROM cloutagent.executions WHERE id = $1',
    [id],
  );
  if (row?.status !== 'completed')
    throw new Error(`the map is ${row?.status}: ${JSON.stringify(row?.error)}`);
  return id;
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

async function measureOneProcess(server: ApiServer): Promise<object> {
  const separate: Figures[] = [];
  const maps = CONCURRENCIES.map((): Figures[] => []);
  await runSeparate(server, WARM_UP);
  await runMap(server, WARM_UP, 20);
  for (let round = 1; round <= rounds; round += 1) {
    separate.push(await server.measure(count, () => runSeparate(server, count)));
    if (given.statements && round === 1) await printStatements(server);
    for (const [index, mapConcurrency] of CONCURRENCIES.entries()) {
      maps[index]!.push(
        await server.measure(count, async () => {
          await runMap(server, count, mapConcurrency);
        }),
      );
      if (given.statements && round === 1) await printStatements(server);
    }
  }
  const rows: Record<string, Figures> = { separate: roundedAll(medians(separate)) };
  for (const [index, mapConcurrency] of CONCURRENCIES.entries()) {
    const figures = maps[index]!;
    const ratios = figures.map((each, round) => ({
      perSecond: each['perSecond']! / separate[round]!['perSecond']!,
      cpuMs: each['cpuMs']! / separate[round]!['cpuMs']!,
    }));
    const ratio = medians(ratios);
    rows[`map, concurrency ${mapConcurrency}`] = roundedAll({
      ...medians(figures),
      'rate ÷ separate': ratio['perSecond']!,
      'cpu ÷ separate': ratio['cpuMs']!,
    });
  }
  return rows;
}

/** Counts the children that each process ran: the owner is gone when they have ended, so it is read while they run. */
async function measureTwoProcesses(server: ApiServer): Promise<object> {
  await runSeparate(server, WARM_UP);
  await server.query(`
    CREATE TABLE IF NOT EXISTS owners (id uuid, owner text);
    CREATE OR REPLACE FUNCTION note_owner() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO owners VALUES (NEW.id, NEW.owner); RETURN NULL; END $$;
    CREATE TRIGGER note_owner AFTER UPDATE OF owner ON cloutagent.executions
      FOR EACH ROW WHEN (NEW.owner IS NOT NULL AND OLD.owner IS NULL) EXECUTE FUNCTION note_owner()`);
  const rows: Record<string, Figures> = {};
  for (const [name, workflow, items] of [
    ['trivial', TRIVIAL, count],
    ['of 200 ms', SLOW, SLOW_COUNT],
  ] as const) {
    const figures: Figures[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      let id = '';
      const cost = await server.measure(items, async () => {
        id = await runMap(server, items, 20, workflow);
      });
      const shares = await server.query<{ share: number }>(
        `SELECT count(*)::float8 / $2 AS share FROM owners AS o JOIN cloutagent.executions AS e ON e.id = o.id
         WHERE e.parent_id = $1 GROUP BY o.owner ORDER BY share`,
        [id, items],
      );
      figures.push({ ...cost, 'smaller share': shares.length === 2 ? shares[0]!.share : 0 });
    }
    rows[`map, concurrency 20, two processes, children ${name}`] = roundedAll(medians(figures));
  }
  return rows;
}

const cluster = await Cluster.start({
  shared_preload_libraries: 'pg_stat_statements',
  autovacuum: 'off',
});
const withServer = async (processes: number, work: (server: ApiServer) => Promise<object>) => {
  const server = await ApiServer.start(Build.list(undefined)[0]!, cluster, {}, processes);
  try {
    const rows = await work(server);
    console.log(`${count} children, figures of one child, medians of ${rounds} rounds`);
    console.table(rows);
    return rows;
  } finally {
    await server.stop();
  }
};
try {
  await cluster.admin.query('CREATE EXTENSION pg_stat_statements');
  const rows = { ...(await withServer(1, measureOneProcess)), ...(await withServer(2, measureTwoProcesses)) };
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
  await mkdir(new URL('results/', import.meta.url), { recursive: true });
  await writeFile(
    new URL('results/children.json', import.meta.url),
    `${JSON.stringify({ at: new Date().toISOString(), machine, count, concurrency, rounds, rows }, null, 2)}\n`,
  );
} finally {
  await cluster.stop();
}
