import pg from 'pg';
import { SeededRandom } from './faults/random.ts';
import { type Check, FORMATS, ReadExecution, type StreamQuery } from './support/read-execution.ts';
import { createDatabase, Server } from './support/server.js';
import { closeGate, GATE, openGate, STOP_AT_GATE } from './support/statement-gate.js';
import { graph, node, run, transform } from './support/trees.js';
import { until } from './support/until.js';
import { agent, delay, start } from './support/watch.js';

const ROUNDS = 2;
const READERS = 8;
/** Reads that end while a packer is stopped in the middle of an execution. */
const READS_WHILE_STOPPED = 25;
const FILTERS = [
  'execution:step',
  'execution:output,execution:completed',
  'execution:waiting',
  'execution:thinking',
];

/** Executions of one to three segments, some of which take a while. The name is for messages. */
const REQUESTS: Record<string, object> = {
  'two segments': start([agent('a', { chunks: 2_500, delayMs: 0 }), delay('b', 1)], [['a', 'b']]),
  'three segments': start([agent('a', { chunks: 4_100, delayMs: 0 })]),
  'an agent that takes its time': start([agent('a', { chunks: 150, delayMs: 10 })]),
  'a failure': start([agent('a', { chunks: 20 }), transform('bad', '$error("no")')], [['a', 'bad']]),
  children: run(
    graph(node('each', 'map', { items: [1, 2], workflow: graph(agent('c', { chunks: 30, delayMs: 20 })) })),
  ),
};

/** Stops a packer after the first segment of an execution, as long as the test holds the lock. */
const STOP_PACKERS = `${STOP_AT_GATE}
  CREATE TRIGGER segment_at_gate BEFORE INSERT ON cloutagent.segments
    FOR EACH ROW WHEN (NEW.first > 1) EXECUTE FUNCTION public.stop_at_gate()`;

type Stage = 'live' | 'rows' | 'while one is being packed' | 'packed' | 'deleted';

describe('readers of executions that run, are packed and are deleted, while processes are killed', () => {
  let url: string;
  let pool: pg.Pool;
  /** Holds the gate. */
  let client: pg.Client;
  let failure: unknown;
  /** Packs nothing, and is not killed. */
  let steady: Server;
  let packers: Server[] = [];
  const executions: ReadExecution[] = [];
  const reads: Record<Stage, number> = {
    live: 0,
    rows: 0,
    'while one is being packed': 0,
    packed: 0,
    deleted: 0,
  };
  const checks: Promise<void>[] = [];
  let isStopped = false;
  let isOver = false;

  const open = (eventsPerSecond: number) =>
    Server.start({
      DATABASE_URL: url,
      RATE_LIMIT_REQUESTS: '100000000',
      JOURNAL_POLL_INTERVAL_MS: '50',
      JOURNAL_PACK_AFTER_MS: '0',
      JOURNAL_PACK_EVENTS_PER_SECOND: String(eventsPerSecond),
    });
  const openPackers = async () => {
    packers = await Promise.all([open(1_000_000), open(1_000_000)]);
  };
  const rows = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
    (await pool.query<Row>(text, values)).rows;
  const anyServer = (random: SeededRandom) => random.pick([steady, ...packers]);
  const keep = (check: Check) => {
    const checked = check();
    checked.catch((error: unknown) => (failure ??= error));
    checks.push(checked);
  };
  /** @throws the first failure of a reader */
  const untilReads = (what: string, target: number) =>
    until(what, () => {
      if (failure !== undefined) throw failure as Error;
      return Promise.resolve(allReads() >= target);
    });
  const allReads = () => Object.values(reads).reduce((sum, n) => sum + n, 0);

  async function stageOf({ id }: ReadExecution): Promise<Stage> {
    const [row] = await rows<{ ended: boolean; packed: boolean }>(
      `SELECT completed_at IS NOT NULL AS ended, EXISTS (SELECT FROM cloutagent.segments WHERE execution_id = id) AS packed
       FROM cloutagent.executions WHERE id = $1`,
      [id],
    );
    if (!row) return 'deleted';
    if (!row.ended) return 'live';
    if (row.packed) return 'packed';
    return isStopped ? 'while one is being packed' : 'rows';
  }

  /** Reads in a random way. What was read is compared when everything is known that there is to read. */
  async function readOnce(random: SeededRandom): Promise<void> {
    const execution = random.pick(executions);
    const stage = await stageOf(execution);
    const servers = () => anyServer(random);
    if (random.chance(0.3)) {
      const types = random.chance(0.5) ? random.pick(FILTERS) : undefined;
      keep(await execution.readPage(servers, random, types));
    } else {
      const query: StreamQuery = random.pick([
        {},
        { types: random.pick(FILTERS) },
        { format: random.pick(FORMATS) },
      ]);
      keep(await execution.readStream(servers, random, query));
    }
    reads[stage] += 1;
  }

  async function readAllTheTime(random: SeededRandom): Promise<void> {
    while (!isOver && failure === undefined) await readOnce(random);
  }

  /** An execution has rows or segments, never both. */
  async function expectRowsOrSegments(): Promise<void> {
    const mixed = await rows(`
      SELECT id FROM cloutagent.executions AS e WHERE completed_at IS NOT NULL
        AND EXISTS (SELECT FROM cloutagent.unpacked_executions WHERE execution_id = e.id)
          = EXISTS (SELECT FROM cloutagent.segments WHERE execution_id = e.id)
        OR EXISTS (SELECT FROM cloutagent.segments WHERE execution_id = e.id)
          AND EXISTS (SELECT FROM cloutagent.events WHERE execution_id = e.id)`);
    expect(mixed).toEqual([]);
  }

  const waitsAtGate = async () =>
    (
      await rows(
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = ${GATE} AND NOT granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      )
    ).length > 0;

  /** Deletes an execution while one stream of it is half read. */
  async function deleteWhileRead(random: SeededRandom, execution: ReadExecution): Promise<void> {
    await execution.whole();
    const { half, rest } = await execution.readHalf(steady);
    await half;
    execution.isDeleted = true;
    const { status } = await steady.call('DELETE', `/api/executions/${execution.id}`);
    expect(status).toBe(200);
    keep(await rest());
    keep(await execution.readPage(() => anyServer(random), random, undefined));
  }

  /** Runs, packs, kills and deletes, while readers read. */
  async function round(random: SeededRandom): Promise<void> {
    await closeGate(client);
    const started = await Promise.all(
      Object.entries(REQUESTS).map(async ([name, request]) =>
        ReadExecution.begin(name, await steady.startExecution(request), steady),
      ),
    );
    executions.push(...started);
    await until('a packer is stopped in the middle of an execution', waitsAtGate);
    isStopped = true;
    await untilReads('readers have read meanwhile', allReads() + READS_WHILE_STOPPED);
    // The deletion waits for the packer.
    const [packing, other] = started as [ReadExecution, ReadExecution];
    const victim = random.pick([packing, other]);
    const deletion = deleteWhileRead(random, victim);
    await Promise.all(packers.map((packer) => packer.kill('SIGKILL')));
    isStopped = false;
    await openGate(client);
    await deletion;
    await expectRowsOrSegments();
    await openPackers();
  }

  beforeAll(async () => {
    url = await createDatabase();
    steady = await open(0);
    pool = new pg.Pool({ connectionString: url, max: 4 });
    client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(STOP_PACKERS);
    await openPackers();
  }, 60_000);
  afterAll(async () => {
    isOver = true;
    await Promise.all([steady, ...packers].map((server) => server.kill('SIGTERM')));
    await Promise.all([client.end(), pool.end()]);
  });

  it('always get the same events, in every format and with every filter', async () => {
    const random = new SeededRandom(20_261_128);
    const first = round(random);
    await until('an execution is there', () => Promise.resolve(executions.length > 0));
    const readers = Promise.all(
      Array.from({ length: READERS }, (_, index) => readAllTheTime(random.fork(index))),
    );
    readers.catch((error: unknown) => (failure ??= error));
    await first;
    for (let n = 1; n < ROUNDS; n += 1) await round(random);
    await Promise.all(executions.map((execution) => execution.whole()));
    await until('all are packed', async () => {
      const left = await rows('SELECT FROM cloutagent.unpacked_executions');
      return left.length === 0;
    });
    await untilReads('readers have read what is packed', allReads() + READS_WHILE_STOPPED);
    isOver = true;
    await readers;
    await Promise.all(checks);
    await expectRowsOrSegments();
    for (const execution of executions.filter(({ isDeleted }) => !isDeleted))
      for (const format of [undefined, ...FORMATS])
        await execution.expectWhole(random.pick(packers), format === undefined ? {} : { format });
    for (const [stage, count] of Object.entries(reads)) expect([stage, count > 0]).toEqual([stage, true]);
  }, 120_000);
});
