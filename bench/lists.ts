// Measures lists of many executions: `GET /api/executions` with each filter, the first page and the thousandth, over HTTP. With
// `--against <folder of the build before>`, that build is measured first, and then the database is migrated while that build
// answers requests. Prints tables and writes bench/results/lists.json.
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { Build, KEY, type ServerProcess } from './load/build.ts';
import { Cluster } from './load/cluster.ts';
import { insertExecutions } from './load/list-rows.ts';

const { values: given } = parseArgs({
  options: {
    executions: { type: 'string', default: '1000000' },
    /** Requests for each filter and page. */
    requests: { type: 'string', default: '100' },
    against: { type: 'string' },
    /** A database that is filled already. It is not deleted. */
    database: { type: 'string' },
  },
});
const count = Number(given.executions);
const requests = Number(given.requests);
const DEEP_PAGES = 1_000;
const PAGE = 50;
const SETTINGS = {
  RETENTION_DAYS: '36500',
  RATE_LIMIT_REQUESTS: '100000000',
  DATABASE_CONNECT_TIMEOUT_MS: '60000',
  // The events of all executions would be due at once, and packing them would take most of a core for minutes.
  JOURNAL_PACK_EVENTS_PER_SECOND: '0',
};
const AUTH = { authorization: `Bearer ${KEY}` };

const daysAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();
const filters = (rootId: string): Record<string, string>[] => [
  {},
  { projectId: 'p1' },
  { projectId: 'p150' },
  { projectId: 'absent' },
  { status: 'failed' },
  { status: 'failed', projectId: 'p1' },
  { status: 'failed', projectId: 'p150' },
  { status: 'running' },
  { status: 'queued', tag: 'prod' },
  { status: 'paused,failed', projectId: 'p2' },
  { tag: 'prod' },
  { tag: 'urgent' },
  { tag: 'urgent', projectId: 'p1' },
  { tag: 'absent' },
  { tag: 'customer-300', status: 'completed' },
  { tag: 'urgent', status: 'failed', projectId: 'p1' },
  { workflow: 'compare' },
  { workflow: 'compare@2' },
  { workflow: 'compare', projectId: 'p1' },
  { workflow: 'compare@2', projectId: 'p1', status: 'failed' },
  { workflow: 'compare', projectId: 'p1', tag: 'urgent', status: 'cancelled' },
  { workflow: 'absent', projectId: 'p1' },
  { createdAfter: daysAgo(20), createdBefore: daysAgo(19), projectId: 'p1' },
  { createdBefore: daysAgo(15), status: 'failed', tag: 'prod' },
  { createdAfter: daysAgo(28.9), createdBefore: daysAgo(28), tag: 'urgent', status: 'paused' },
  { children: 'true', status: 'failed' },
  { rootId },
  { rootId, status: 'failed' },
  { parentId: rootId, status: 'failed', tag: 'absent' },
];

interface Times {
  p50: number;
  p99: number;
}
interface Result {
  filter: string;
  found: number;
  kB: number;
  first: Times;
  /** Of the thousandth page, if there is one. */
  deep?: Times;
}

const rounded = (value: number): number => Number(value.toFixed(1));

async function timed(url: string): Promise<{ ms: number; text: string }> {
  const started = performance.now();
  const response = await fetch(url, { headers: AUTH });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url}: ${response.status} ${text}`);
  return { ms: performance.now() - started, text };
}

async function times(url: string, tries = requests): Promise<Times> {
  const all: number[] = [];
  for (let n = 0; n < tries; n += 1) all.push((await timed(url)).ms);
  const sorted = all.toSorted((a, b) => a - b);
  const at = (part: number): number =>
    rounded(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!);
  return { p50: at(0.5), p99: at(0.99) };
}

/** Walks to the thousandth page. @returns undefined if there are fewer */
async function deepUrl(url: string): Promise<string | undefined> {
  const half = url.replace(`limit=${PAGE}`, 'limit=100');
  let page = half;
  for (let n = 0; n < (DEEP_PAGES * PAGE) / 100; n += 1) {
    const { nextCursor } = JSON.parse((await timed(page)).text) as { nextCursor: string | null };
    if (nextCursor === null) return undefined;
    page = `${half}&cursor=${nextCursor}`;
  }
  return page.replace('limit=100', `limit=${PAGE}`);
}

async function measure(
  server: ServerProcess,
  rootId: string,
  tries: number,
  withDeep = false,
): Promise<Result[]> {
  const base = await server.listening;
  const results: Result[] = [];
  for (const filter of filters(rootId)) {
    const name =
      Object.entries(filter)
        .map((pair) => pair.join('=').replace(rootId, '…'))
        .join('&') || '(none)';
    const url = `${base}/api/executions?${new URLSearchParams({ ...filter, limit: String(PAGE) }).toString()}`;
    const { text } = await timed(url);
    const first = await times(url, tries);
    const page = withDeep ? await deepUrl(url) : undefined;
    const deep = page === undefined ? undefined : await times(page, tries);
    const { executions } = JSON.parse(text) as { executions: unknown[] };
    results.push({
      filter: name.replaceAll(/T[\d:.]+Z/g, ''),
      found: executions.length,
      kB: rounded(text.length / 1024),
      first,
      ...(deep && { deep }),
    });
  }
  return results;
}

async function measureCounts(server: ServerProcess): Promise<Times> {
  return times(`${await server.listening}/api/projects/p1/stats?from=${daysAgo(1)}`);
}

/** Sends requests until it is stopped: lists, starts and reads. Each answer that is not of the class 2xx is a failure. */
class Load {
  requests = 0;
  longestMs = 0;
  readonly failures: string[] = [];
  private isStopped = false;
  private readonly running: Promise<unknown>;

  constructor(base: string) {
    const workflow = { nodes: [{ id: 'a', type: 'delay', data: { config: { ms: 1 } } }] };
    const body = JSON.stringify({ projectId: 'load', input: 'x', workflow });
    const headers = { ...AUTH, 'content-type': 'application/json' };
    const loop = async (send: () => Promise<Response>): Promise<void> => {
      while (!this.isStopped) {
        const started = performance.now();
        const response = await send();
        const text = await response.text();
        this.requests += 1;
        this.longestMs = Math.max(this.longestMs, performance.now() - started);
        if (!response.ok) this.failures.push(`${response.status} ${text.slice(0, 200)}`);
        await sleep(50);
      }
    };
    this.running = Promise.all([
      loop(() => fetch(`${base}/api/executions`, { method: 'POST', headers, body })),
      loop(() => fetch(`${base}/api/executions?projectId=load&limit=20`, { headers: AUTH })),
    ]);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
  }
}

const filled = given.database;
const cluster =
  filled === undefined ? await Cluster.start({ shared_buffers: '512MB', max_wal_size: '4GB' }) : undefined;
const output: Record<string, unknown> = { executions: count, cpus: cpus().length };
try {
  await cluster?.createDatabase('lists');
  const url = filled ?? cluster!.urlOf('lists');
  const settings = { ...SETTINGS, DATABASE_URL: url };
  const [ours, before] = Build.list(given.against);
  if (filled === undefined) await (await (before ?? ours!).start(settings)).end();
  const filling = performance.now();
  const rootId = await insertExecutions(url, filled === undefined ? count : 0);
  output['filledInS'] = rounded((performance.now() - filling) / 1000);
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  if (before) {
    const server = await before.start(settings);
    output['before'] = await measure(server, rootId, Math.ceil(requests / 10));
    print('before', output['before'] as Result[]);
    const load = new Load(await server.listening);
    const started = performance.now();
    const next = await ours!.start(settings);
    output['migratedInS'] = rounded((performance.now() - started) / 1000);
    await load.stop();
    const { requests: sent, failures, longestMs } = load;
    output['underLoad'] = { requests: sent, failures: failures.length, longestMs: rounded(longestMs) };
    console.log(`migrated in ${String(output['migratedInS'])} s;`, output['underLoad'], failures.slice(0, 3));
    await next.end();
    await server.end();
  }
  await admin.query('VACUUM (ANALYZE)');
  const server = await ours!.start(settings);
  output['after'] = await measure(server, rootId, requests, true);
  print('after', output['after'] as Result[]);
  output['stats'] = await measureCounts(server);
  // What a request costs that reads no list.
  output['floor'] = await times(`${await server.listening}/api/me`);
  const { rows } = await admin.query<{ name: string; size: string }>(
    `SELECT relname AS name, pg_size_pretty(pg_total_relation_size(oid)) AS size FROM pg_class
     WHERE relnamespace = 'cloutagent'::regnamespace AND relkind IN ('r', 'i') AND relpages > 100 ORDER BY relname`,
  );
  const size = await admin.query<{ gb: number }>(
    'SELECT round(pg_database_size(current_database()) / 1e9, 1)::float8 AS gb',
  );
  output['databaseGB'] = size.rows[0]!.gb;
  await admin.end();
  console.table(rows);
  console.log(
    `filled in ${String(output['filledInS'])} s; the database has ${String(output['databaseGB'])} GB`,
  );
  output['sizes'] = Object.fromEntries(rows.map((row) => [row.name, row.size]));
  const { floor, stats } = output;
  console.log('GET /api/me:', floor, 'figures of a day:', stats, 'load of the machine:', loadavg());
  await server.end();
} finally {
  await cluster?.stop();
}
await mkdir(new URL('results', import.meta.url), { recursive: true });
await writeFile(new URL('results/lists.json', import.meta.url), `${JSON.stringify(output, null, 2)}\n`);

function print(title: string, results: readonly Result[]): void {
  console.log(`\n${title}, ms`);
  console.table(
    results.map(({ filter, found, kB, first, deep }) => ({
      filter,
      found,
      kB,
      p50: first.p50,
      p99: first.p99,
      'p50 of page 1000': deep?.p50 ?? '',
      'p99 of page 1000': deep?.p99 ?? '',
    })),
  );
}
