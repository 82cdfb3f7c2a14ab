// Measures the ways to start executions: single requests against batches, in turn in each round, and the memory of requests
// that wait (`Prefer: wait`). Nothing runs: all executions are for tomorrow. Prints tables and writes bench/results/starts.json.
import { mkdir, writeFile } from 'node:fs/promises';
import { Agent, type ClientRequest, request } from 'node:http';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ApiServer, forEach } from './load/api-server.ts';
import { type Figures, medians } from './load/bench.ts';
import { Build, KEY } from './load/build.ts';
import { Cluster } from './load/cluster.ts';

const { values: given } = parseArgs({
  options: {
    /** Executions of each kind in each round. */
    count: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '3' },
    /** Requests at the same time. Batches are sent one after the other. */
    concurrency: { type: 'string', default: '50' },
    /** Requests that wait. */
    waiting: { type: 'string', default: '2000' },
  },
});
const count = Number(given.count);
const rounds = Number(given.rounds);
const concurrency = Number(given.concurrency);
const waiting = Number(given.waiting);
const BATCH = 1_000;
const WARM_UP = 1_000;
/** Bytes of the input of a request that waits. */
const INPUT_BYTES = 50_000;
const SETTLE_MS = 1_000;

const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
const agent = (id: string) => ({
  id,
  type: 'agent',
  data: { config: { model: 'demo/echo', prompt: `For {{input}}, name the strengths of ${id}.` } },
});
const START = {
  projectId: 'bench',
  input: 'Server-sent events',
  workflow: {
    nodes: ['pros', 'cons', 'verdict'].map(agent),
    edges: ['pros', 'cons'].map((source) => ({ source, target: 'verdict' })),
  },
  startAt: tomorrow,
};

const rounded = (figures: Figures): Figures =>
  Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value.toFixed(2))]));

const startSingly = (server: ApiServer, executions: number): Promise<void> =>
  forEach(Array.from({ length: executions }), concurrency, () =>
    server.call('POST', '/api/executions', START),
  );

async function startInBatches(server: ApiServer, executions: number): Promise<void> {
  for (let left = executions; left > 0; left -= BATCH) {
    const batch = Array.from({ length: Math.min(left, BATCH) }, () => START);
    await server.call('POST', '/api/executions/batch', { executions: batch });
  }
}

/** Sends requests that wait. @returns them, once all executions exist */
async function openWaiting(server: ApiServer): Promise<ClientRequest[]> {
  const own = new Agent({ maxSockets: Infinity });
  const body = JSON.stringify({ ...START, input: 'x'.repeat(INPUT_BYTES), tags: ['waiting'] });
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', prefer: 'wait=600' };
  const sent: ClientRequest[] = [];
  while (sent.length < waiting) {
    const left = Math.min(concurrency, waiting - sent.length);
    for (let at = 0; at < left; at += 1) {
      const one = request(`${server.firstUrl}/api/executions`, { method: 'POST', headers, agent: own });
      one.on('error', () => undefined).end(body);
      sent.push(one);
    }
    await server.until(`(SELECT count(*) = $1 FROM cloutagent.executions WHERE tags <> '{}')`, [sent.length]);
  }
  return sent;
}

const cluster = await Cluster.start({ shared_preload_libraries: 'pg_stat_statements', autovacuum: 'off' });
try {
  await cluster.admin.query('CREATE EXTENSION pg_stat_statements');
  const server = await ApiServer.start(Build.list(undefined)[0]!, cluster, { MAX_PREFER_WAIT_MS: '600000' });
  try {
    await startSingly(server, WARM_UP);
    await startInBatches(server, WARM_UP);
    const single: Figures[] = [];
    const batched: Figures[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      single.push(await server.measure(count, () => startSingly(server, count)));
      batched.push(await server.measure(count, () => startInBatches(server, count)));
      console.log(`round ${round} of ${rounds}`, single.at(-1), batched.at(-1));
    }
    const ratios = batched.map((figures, round) =>
      Object.fromEntries(
        Object.entries(figures).map(([name, value]) => [name, value / single[round]![name]!]),
      ),
    );
    const rates = {
      single: rounded(medians(single)),
      batch: rounded(medians(batched)),
      'batch ÷ single': rounded(medians(ratios)),
    };
    console.table(rates);
    await sleep(SETTLE_MS);
    const before = await server.memory();
    const sent = await openWaiting(server);
    await sleep(SETTLE_MS);
    const during = await server.memory();
    const bytesOf = ({ heapUsed, external }: typeof before) => heapUsed + external;
    const memory = {
      requests: waiting,
      inputBytes: INPUT_BYTES,
      'KB for each': Number(((bytesOf(during) - bytesOf(before)) / waiting / 1024).toFixed(1)),
    };
    console.table(memory);
    for (const one of sent) one.destroy();
    const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
    await mkdir(new URL('results/', import.meta.url), { recursive: true });
    await writeFile(
      new URL('results/starts.json', import.meta.url),
      `${JSON.stringify({ machine, count, rates, memory }, undefined, 2)}\n`,
    );
  } finally {
    await server.stop();
  }
} finally {
  await cluster.stop();
}
