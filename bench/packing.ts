// Measures packed journals: bytes on disk for each event before and after, the CPU of packing, and reading in both forms, for
// the demo model and for the text of this project's documentation in pieces of a few characters. Then it writes 5,000 events
// per second for some time while they are packed, and shows the size of the table. `--seconds 600` sets this time.
// Prints tables and writes bench/results/packing.json.
import type { EventType } from '@cloutagent/contract';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { RecordedEvent } from '../src/events/recorded-event.js';

// The benchmark measures the build, because the build is what ships. The types come from the sources.
const built = async <T>(path: string): Promise<T> =>
  (await import(new URL(`../dist/${path}`, import.meta.url).href)) as T;
const { EmbeddedPostgres } = await built<typeof import('../src/database/embedded-postgres.js')>(
  'database/embedded-postgres.js',
);
const { Database } = await built<typeof import('../src/database/database.js')>('database/database.js');
const { parseSettings } = await built<typeof import('../src/config/settings.js')>('config/settings.js');
const { JournalPacker } =
  await built<typeof import('../src/journal/journal-packer.js')>('journal/journal-packer.js');
const { toStored } = await built<typeof import('../src/journal/stored-event.js')>('journal/stored-event.js');
const { JournalReader } =
  await built<typeof import('../src/journal/journal-reader.js')>('journal/journal-reader.js');

const { values: given } = parseArgs({ options: { seconds: { type: 'string', default: '600' } } });
const SECONDS = Number(given.seconds);
const EXECUTIONS = 200;
const CHUNKS = 300;
const ROUNDS = 5;
const EVENTS_PER_SECOND = 5_000;
const PAGE = { limit: 1_000, bytes: 1_048_576 };

const folder = await mkdtemp(join(tmpdir(), 'cloutagent-bench-'));
const server = await EmbeddedPostgres.start(folder);
const settings = (more: Record<string, string> = {}) =>
  parseSettings({
    DATABASE_URL: server.url,
    JOURNAL_PACK_AFTER_MS: '0',
    JOURNAL_PACK_EVENTS_PER_SECOND: '1000000000',
    JOURNAL_POLL_INTERVAL_MS: '1000',
    ...more,
  });
const database = await Database.connect(settings());
const query = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
  (await database.pool.query<Row>(text, values)).rows;
const number = async (text: string): Promise<number> =>
  Number((await query<{ n: string }>(`SELECT (${text})::text AS n`))[0]!.n);
const sizeOf = (table: string) => number(`pg_total_relation_size('cloutagent.${table}')`);
const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]!;

/** The texts of chunks: those of the demo model, and real text in pieces like the tokens of a model. */
const documentation = (
  await Promise.all(
    ['architecture', 'operating', 'protocol', 'workflows'].map((name) => readFile(`docs/${name}.md`, 'utf8')),
  )
).join('\n');
const pieces = documentation.match(/\s?[^\s]{1,6}|\s+/g)!;
const DEMO =
  'The record improves the whole picture for everyone. The first step needs a simple order in practice. ';
const TEXTS: Record<string, (execution: number) => string[]> = {
  'demo model': () =>
    Array.from({ length: CHUNKS }, (_unused, index) => DEMO.repeat(40).slice(index * 7, index * 7 + 7)),
  'real text': (execution) =>
    Array.from({ length: CHUNKS }, (_unused, index) => pieces[(execution * CHUNKS + index) % pieces.length]!),
};

/** The events of an agent that streams a text, as the engine records them. */
function eventsOf(id: string, chunks: readonly string[]): Pick<RecordedEvent, 'type' | 'data'>[] {
  const [stepId, nodeId] = [randomUUID(), 'one'];
  let time = Date.now();
  const event = (type: string, fields: object) => ({
    type: `execution:${type}` as EventType,
    // The time between tokens varies as it does at providers.
    data: JSON.stringify({
      executionId: id,
      timestamp: new Date((time += Math.floor(5 + Math.random() * 25))).toISOString(),
      ...fields,
    }),
  });
  const step = { step: 'one', stepId, nodeId, nodeType: 'agent', attempt: 1 };
  const usage = { input: 7, output: CHUNKS, total: CHUNKS + 7 };
  const modelUsage = { 'demo/echo': { input: 7, output: CHUNKS, costUSD: 0 } };
  const output = chunks.join('');
  return [
    event('started', { projectId: 'bench', attempt: 1 }),
    event('step', { ...step, status: 'running' }),
    ...chunks.map((chunk) => event('output', { chunk, stepId, nodeId })),
    event('token-usage', { usage }),
    event('cost-update', { totalCostUSD: 0, modelUsage }),
    event('step', { ...step, status: 'completed', finishReason: 'stop', output }),
    event('progress', { completedSteps: 1, totalSteps: 1, percent: 100 }),
    event('completed', { result: { id, status: 'completed', output } }),
  ];
}

/** Inserts an execution that has ended. @returns the number of its events */
async function insert(chunks: readonly string[], rows: 'short' | 'whole' = 'short'): Promise<number> {
  const id = randomUUID();
  const events = eventsOf(id, chunks).map((event, index) =>
    rows === 'short' ? toStored(id, { ...event, sequence: index + 1 }) : event,
  );
  await query(
    `WITH e AS (
       INSERT INTO cloutagent.executions
         (id, project_id, status, input, workflow, options, created_by, attempt, completed_at)
       VALUES ($1, 'bench', 'completed', 'null', '{"nodes":[]}', '{}', 'bench', 1, now()))
     INSERT INTO cloutagent.events (execution_id, sequence, type, data)
     SELECT $1, n, type, data FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS v(type, data, n)`,
    [id, events.map(({ type }) => type), events.map(({ data }) => data)],
  );
  return events.length;
}

async function packAll(): Promise<void> {
  const packer = new JournalPacker(database, settings());
  packer.onApplicationBootstrap();
  while ((await number('SELECT count(*) FROM cloutagent.unpacked_executions')) > 0) await sleep(20);
  packer.onModuleDestroy();
}

/** Reads all executions, with nothing in memory. @returns events per second */
async function replay(): Promise<number> {
  const reader = new JournalReader(database);
  const ids = await query<{ id: string }>('SELECT id FROM cloutagent.executions');
  const began = performance.now();
  let events = 0;
  for (const { id } of ids) events += (await reader.read(id, 0, PAGE)).length;
  return (events / (performance.now() - began)) * 1_000;
}

interface Figures {
  wholeRowsBytes: number;
  rowsBytes: number;
  packedBytes: number;
  cpuMs: number;
  rowsReplay: number;
  packedReplay: number;
  ratio: number;
}

async function measure(texts: (execution: number) => string[]): Promise<Figures> {
  let events = 0;
  const bytesOf = async (rows: 'short' | 'whole') => {
    await query('TRUNCATE cloutagent.executions, cloutagent.events, cloutagent.segments CASCADE');
    events = 0;
    for (let execution = 0; execution < EXECUTIONS; execution += 1)
      events += await insert(texts(execution), rows);
    await query('VACUUM ANALYZE cloutagent.events');
    return (await sizeOf('events')) / events;
  };
  const wholeRowsBytes = await bytesOf('whole');
  const rowsBytes = await bytesOf('short');
  const replays = async () => {
    const rounds: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await replay());
    return median(rounds);
  };
  const rowsReplay = await replays();
  const before = process.cpuUsage();
  await packAll();
  const { user, system } = process.cpuUsage(before);
  await query('VACUUM ANALYZE cloutagent.segments');
  const packedBytes = (await sizeOf('segments')) / events;
  const packedReplay = await replays();
  const cpuMs = (user + system) / 1_000 / EXECUTIONS;
  return {
    wholeRowsBytes,
    rowsBytes,
    packedBytes,
    cpuMs,
    rowsReplay,
    packedReplay,
    ratio: packedReplay / rowsReplay,
  };
}

/** Writes at a constant rate while the events are packed. @returns sizes in MB, one for each tenth of the time */
async function churn(): Promise<{ events: number; tableMB: number; segmentsMB: number; unpacked: number }[]> {
  await query('TRUNCATE cloutagent.executions, cloutagent.events, cloutagent.segments CASCADE');
  await query('VACUUM FULL cloutagent.events');
  const packer = new JournalPacker(database, settings({ JOURNAL_PACK_AFTER_MS: '5000' }));
  packer.onApplicationBootstrap();
  const samples = [];
  const began = performance.now();
  let events = 0;
  for (let execution = 0; performance.now() - began < SECONDS * 1_000; execution += 1) {
    events += await insert(TEXTS['real text']!(execution));
    await sleep(Math.max(0, began + (events / EVENTS_PER_SECOND) * 1_000 - performance.now()));
    if (performance.now() - began < ((samples.length + 1) * SECONDS * 1_000) / 10) continue;
    const [table, segments] = [await sizeOf('events'), await sizeOf('segments')];
    const unpacked = await number('SELECT count(*) FROM cloutagent.unpacked_executions');
    samples.push({ events, tableMB: table / 1e6, segmentsMB: segments / 1e6, unpacked });
    console.log(JSON.stringify(samples.at(-1)));
  }
  packer.onModuleDestroy();
  return samples;
}

try {
  const figures: Record<string, Figures> = {};
  for (const [name, texts] of Object.entries(TEXTS)) figures[name] = await measure(texts);
  console.table(figures);
  const table = await churn();
  console.table(table);
  await mkdir('bench/results', { recursive: true });
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  const result = { at: new Date().toISOString(), machine, seconds: SECONDS, figures, table };
  await writeFile('bench/results/packing.json', `${JSON.stringify(result, undefined, 2)}\n`);
} finally {
  await database.onApplicationShutdown();
  await server.stop();
  await rm(folder, { recursive: true });
}
