// Measures what an event costs with 1, 2 and 4 processes on one PostgreSQL, with hints by NOTIFY and by NATS, in turns in one
// run: CPU of the server and of PostgreSQL, statements, WAL, notifications that each process receives, executions per second.
// Then it measures NOTIFY and NATS alone, and computes the model of docs/scaling.md. NATS is NATS_URL or the program
// nats-server. Prints tables and writes bench/results/scaling.json. `--quick` takes three minutes instead of twelve.
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { HAS_NATS, NatsServer } from '../test/support/nats-server.ts';
import { ApiServer, forEach } from './load/api-server.ts';
import { medians } from './load/bench.ts';
import { Build, KEY } from './load/build.ts';
import { Cluster } from './load/cluster.ts';
import { cpuMs } from './load/cpu.ts';
import { measureNats, measureNotify } from './load/hint-carriers.ts';
import { Remote } from './load/remote.ts';
import {
  constantsOf,
  type EventCost,
  type Measured,
  modelLoad,
  predictPostgresUs,
} from './load/scaling-model.ts';

const { values: given } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    /** Seconds of each measurement at a constant rate. */
    seconds: { type: 'string', default: '10' },
    quick: { type: 'boolean', default: false },
  },
});
const rounds = given.quick ? 1 : Number(given.rounds);
const seconds = given.quick ? 5 : Number(given.seconds);
const size = given.quick ? 0.5 : 1;

const CONCURRENCY = 50;
const SETTLE_MS = 1_500;
/** Executions that stream at a constant rate, and events per second of each. */
const STREAMS = 100;
const RATE = 20;
/** Processes and events per second of each, for which the model is computed. */
const MODEL_PROCESSES = [2, 4, 8, 16, 32, 64];
const MODEL_RATE = 1_000;

const DELAY = { nodes: [{ id: 'a', type: 'delay', data: { config: { ms: 0 } } }] };
const agent = (chunks: number, delayMs: number): object => ({
  nodes: [
    {
      id: 'a',
      type: 'agent',
      data: {
        config: { model: 'demo/echo', prompt: 'p', providerOptions: { demo: { chunks, delayMs } } },
      },
    },
  ],
});
const ALL_ENDED = 'NOT EXISTS (SELECT FROM cloutagent.executions WHERE completed_at IS NULL)';

interface Carrier {
  name: 'NOTIFY' | 'NATS';
  settings: Record<string, string>;
  /** Process of nats-server, if this benchmark runs it. */
  pid?: number;
}

/** The processes of one kind that are measured in turns. */
interface Cell {
  processes: number;
  carrier: Carrier;
  executions: Record<string, number>[];
  idle: Record<string, number>[];
  fast: EventCost[];
  paced: EventCost[];
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const rounded = (value: number): number => Number(value.toPrecision(3));
const roundedAll = <Row extends object>(row: Row): Row =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'number' && !Number.isInteger(value) ? rounded(value) : value,
    ]),
  ) as Row;

/** Runs work and returns what it cost for each event that the processes recorded meanwhile. */
async function perEvent(
  server: ApiServer,
  cluster: Cluster,
  { pid }: Carrier,
  work: () => Promise<void>,
): Promise<EventCost> {
  const counts = async () => ({
    events: sum(await server.metric('cloutagent_events_published_total')),
    received: sum(await server.metric('cloutagent_notifications_received_total')),
    wal: Number(
      (await cluster.admin.query<{ at: string }>(`SELECT pg_current_wal_insert_lsn() - '0/0' AS at`)).rows[0]!
        .at,
    ),
    natsMs: pid === undefined ? 0 : cpuMs(pid),
  });
  let before = await counts();
  let after = before;
  const { perSecond, serverCpuMs, postgresCpuMs } = (await server.measure(1, async () => {
    before = await counts();
    await work();
    after = await counts();
  })) as Record<'perSecond' | 'serverCpuMs' | 'postgresCpuMs', number>;
  const events = after.events - before.events;
  const statements = await server.statements();
  const calls = (begin: RegExp): number =>
    sum(statements.filter(({ text }) => begin.test(text)).map((row) => row.calls)) / events;
  return {
    eventsPerSecond: events * perSecond,
    serverUs: (serverCpuMs * 1_000) / events,
    postgresUs: (postgresCpuMs * 1_000) / events,
    natsUs: ((after.natsMs - before.natsMs) * 1_000) / events,
    appends: calls(/^ ?(INSERT INTO cloutagent.events|WITH held AS)/),
    reads: calls(/^ ?SELECT sequence, type, data/),
    notifies: calls(/^SELECT pg_notify\(\$1, payload\)/),
    walBytes: (after.wal - before.wal) / events,
    received: (after.received - before.received) / events / server.pids.length,
  };
}

async function runAll(server: ApiServer, workflow: object, count: number): Promise<void> {
  await forEach(Array.from({ length: count }), CONCURRENCY, () => server.startExecution(workflow));
  await server.until(ALL_ENDED);
}

/** Starts executions that stream at a constant rate, on all processes in turn, each with a watcher on a process by turns. */
async function startStreams(server: ApiServer, client: Remote): Promise<void> {
  const chunks = (seconds + 30) * RATE;
  const { ports } = server;
  const paths = ports.map((): string[] => []);
  for (let index = 0; index < STREAMS; index += 1) {
    const id = await server.startExecution(agent(chunks, 1_000 / RATE));
    const watched = (index + Math.floor(index / ports.length)) % ports.length;
    paths[watched]!.push(`/api/executions/${id}/stream`);
  }
  for (const [index, port] of ports.entries())
    await client.call('open', {
      port,
      paths: paths[index],
      headers: { authorization: `Bearer ${KEY}` },
      count: paths[index]!.length,
      parallel: 20,
    });
}

async function measureCell(cell: Cell, cluster: Cluster, round: number): Promise<void> {
  const { processes, carrier } = cell;
  const name = `scaling_${carrier.name.toLowerCase()}_${processes}_${round}`;
  const settings = {
    MAX_EXECUTIONS_PER_PROJECT: '10000',
    ...carrier.settings,
    ...(carrier.name === 'NATS' && { NATS_SUBJECT_PREFIX: name }),
  };
  const server = await ApiServer.start(Build.list(undefined)[0]!, cluster, settings, processes, name);
  const client = Remote.start('the load client', 1, './client.ts', []);
  try {
    await runAll(server, DELAY, 200 * processes);
    await runAll(server, agent(100, 0), 20 * processes);
    await sleep(SETTLE_MS);
    cell.idle.push(await server.measure(seconds, () => sleep(seconds * 1_000)));
    const count = Math.round(1_000 * size);
    cell.executions.push(await server.measure(count, () => runAll(server, DELAY, count)));
    cell.fast.push(
      await perEvent(server, cluster, carrier, () => runAll(server, agent(300, 0), Math.round(60 * size))),
    );
    await startStreams(server, client);
    await sleep(SETTLE_MS);
    cell.paced.push(await perEvent(server, cluster, carrier, () => sleep(seconds * 1_000)));
  } finally {
    await client.stop();
    await server.stop();
  }
}

const middle = (costs: EventCost[]): EventCost =>
  medians(costs as unknown as Record<string, number>[]) as unknown as EventCost;
const title = ({ processes, carrier }: Cell): string =>
  processes === 1 ? '1' : `${processes}, ${carrier.name}`;
const table = (cells: readonly Cell[], row: (cell: Cell) => object): void =>
  console.table(Object.fromEntries(cells.map((cell) => [title(cell), roundedAll(row(cell))])));

const givenNatsUrl = process.env['NATS_URL'];
const nats = givenNatsUrl === undefined && HAS_NATS ? await NatsServer.start() : undefined;
const natsUrl = givenNatsUrl ?? nats?.url;
if (natsUrl === undefined)
  console.log('NATS is not measured: set NATS_URL, or install the program nats-server.');
const notify: Carrier = { name: 'NOTIFY', settings: {} };
const byNats: Carrier | undefined =
  natsUrl === undefined
    ? undefined
    : {
        name: 'NATS',
        settings: { NATS_URL: natsUrl },
        ...(nats && { pid: nats.pid }),
      };
const cells = [1, 2, 4].flatMap((processes) =>
  [notify, ...(byNats && processes > 1 ? [byNats] : [])].map((carrier): Cell => ({
    processes,
    carrier,
    executions: [],
    idle: [],
    fast: [],
    paced: [],
  })),
);
const cluster = await Cluster.start({
  shared_preload_libraries: 'pg_stat_statements',
  autovacuum: 'off',
  max_connections: '300',
});
try {
  await cluster.admin.query('CREATE EXTENSION pg_stat_statements');
  for (let round = 1; round <= rounds; round += 1)
    for (const cell of cells) {
      await measureCell(cell, cluster, round);
      console.log(`round ${round} of ${rounds}, ${title(cell)}:`, roundedAll(cell.paced.at(-1)!));
    }
  const notifyCost = await measureNotify(cluster, given.quick ? 1 : 3);
  const natsCost = nats && (await measureNats(nats.url, nats.pid, given.quick ? 1 : 3));

  console.log('executions of one delay, as fast as possible; statements and CPU in ms of one execution');
  table(cells, ({ executions }) => medians(executions));
  console.log('agents that stream as fast as they can, without watchers; figures of one event, CPU in µs');
  table(cells, ({ fast }) => middle(fast));
  console.log(`${STREAMS} agents with ${RATE} events/s and a watcher each; figures of one event, CPU in µs`);
  table(cells, ({ paced }) => middle(paced));
  console.log('without work: CPU in ms per second, and statements per second');
  const idleOf = ({ idle }: Cell) => {
    const { serverCpuMs, postgresCpuMs, statements } = medians(idle);
    return { serverCpuMs, postgresCpuMs, statements };
  };
  table(cells, idleOf);
  console.log(
    'a call with five hints: CPU in µs = fixed + perListener × listeners; receiver: in each process',
  );
  const carriers = { NOTIFY: notifyCost, ...(natsCost && { NATS: natsCost }) };
  const rows = Object.entries(carriers);
  console.table(
    Object.fromEntries(
      rows.map(([name, { fixed, perListener, receiver }]) => [
        name,
        roundedAll({ fixed, perListener, receiver }),
      ]),
    ),
  );
  console.log('calls per second of four senders, by number of listeners');
  console.table(Object.fromEntries(rows.map(([name, { perSecond }]) => [name, perSecond])));

  const measured = (cell: Cell, kind: 'fast' | 'paced'): Measured => ({
    cost: middle(cell[kind]),
    processes: cell.processes,
    idleMs: idleOf(cell).postgresCpuMs!,
  });
  const byNotify = (processes: number): Cell =>
    cells.find((cell) => cell.processes === processes && cell.carrier === notify)!;
  const constants = constantsOf(
    measured(byNotify(1), 'paced'),
    measured(byNotify(1), 'fast'),
    measured(byNotify(2), 'paced'),
    notifyCost,
  );
  console.log('the model: constants in µs of CPU');
  console.table([roundedAll(constants)]);
  const checks = cells.flatMap((cell) =>
    (['fast', 'paced'] as const).map((kind) => {
      const run = measured(cell, kind);
      const predicted = predictPostgresUs(constants, run);
      const { postgresUs } = run.cost;
      return { cell: title(cell), kind, predicted, measured: postgresUs, ratio: postgresUs / predicted };
    }),
  );
  console.log('the model, checked: CPU of PostgreSQL for one event in µs, measured ÷ predicted');
  console.table(checks.map(roundedAll));
  const four = measured(byNotify(4), 'paced').cost;
  const model = MODEL_PROCESSES.map((processes) => modelLoad(constants, four, processes, MODEL_RATE));
  console.log(`the model with NOTIFY and ${MODEL_RATE} events/s in each process, in cores`);
  console.table(model.map(roundedAll));

  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version, load: loadavg() };
  await mkdir(new URL('results/', import.meta.url), { recursive: true });
  await writeFile(
    new URL('results/scaling.json', import.meta.url),
    `${JSON.stringify(
      {
        at: new Date().toISOString(),
        machine,
        rounds,
        seconds,
        cells: cells.map(({ processes, carrier, ...figures }) => ({
          processes,
          carrier: carrier.name,
          ...figures,
        })),
        carriers: { notify: notifyCost, nats: natsCost },
        constants,
        checks,
        model,
      },
      null,
      2,
    )}\n`,
  );
} finally {
  await nats?.kill();
  await cluster.stop();
}
