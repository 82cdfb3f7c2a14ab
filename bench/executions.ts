// Measures the cost of an execution: statements, CPU of the server and of PostgreSQL, time. `--against <folder of
// another build>` runs both builds in turn and prints the ratio of ours to the other one. Prints a table for each
// workload and writes bench/results/executions.json.
import { Agent, request } from 'node:http';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { type Figures, medians } from './load/bench.ts';
import { Build, KEY, type ServerProcess } from './load/build.ts';
import { Cluster } from './load/cluster.ts';
import { cpuMs } from './load/cpu.ts';

const { values: given } = parseArgs({
  options: {
    against: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    /** Scales the number of executions of each workload. */
    scale: { type: 'string', default: '1' },
    concurrency: { type: 'string', default: '50' },
    /** Selects workloads by the beginnings of their names. */
    only: { type: 'string', default: '' },
    /** Also prints the statements, and how often each ran per execution. */
    statements: { type: 'boolean', default: false },
  },
});
const concurrency = Number(given.concurrency);
const rounds = Number(given.rounds);
/** Time for work that a server does after the end of an execution, such as removing jobs and notifying. */
const SETTLE_MS = 300;
const POLL_MS = 4;

const chain = (nodes: object[]): object => ({
  nodes: nodes.map((node, index) => ({ id: `n${index}`, ...node })),
  edges: nodes.slice(1).map((_node, index) => ({ source: `n${index}`, target: `n${index + 1}` })),
});
const transform = { type: 'transform', data: { config: { expression: 'input & "!"' } } };
const providerOptions = { demo: { chunks: 100, delayMs: 0 } };
const WORKLOADS = [
  {
    name: 'delay',
    description: 'one delay of 1 ms',
    count: 1000,
    nodes: [{ type: 'delay', data: { config: { ms: 1 } } }],
  },
  {
    name: 'transforms',
    description: 'five transforms in a row',
    count: 400,
    nodes: Array.from({ length: 5 }, () => transform),
  },
  {
    name: 'agent',
    description: 'an agent that streams 100 chunks',
    count: 300,
    nodes: [{ type: 'agent', data: { config: { model: 'demo/echo', prompt: 'p', providerOptions } } }],
  },
]
  .filter(({ name }) => given.only.split(',').some((start) => name.startsWith(start)))
  .map((workload) => ({ ...workload, count: Math.ceil(workload.count * Number(given.scale)) }));
type Workload = (typeof WORKLOADS)[number];

/** A server of one build, on its own database in the cluster. */
class Candidate {
  readonly build: Build;
  private readonly cluster: Cluster;
  private readonly server: ServerProcess;
  private readonly url: string;
  private readonly client: pg.Client;
  private readonly backend: number;
  /** Created again for each measurement, because a server closes connections that are idle in between. */
  private agent = new Agent();
  /** Executions that have not ended yet, each with the function that resolves its promise. */
  private readonly open = new Map<string, () => void>();

  private constructor(
    build: Build,
    cluster: Cluster,
    server: ServerProcess,
    { url, client, backend }: { url: string; client: pg.Client; backend: number },
  ) {
    this.build = build;
    this.cluster = cluster;
    this.server = server;
    this.url = url;
    this.client = client;
    this.backend = backend;
  }

  static async start(build: Build, cluster: Cluster): Promise<Candidate> {
    await cluster.createDatabase(build.name);
    await cluster.createRole(build.name);
    const server = await build.start({
      DATABASE_URL: cluster.urlOf(build.name, build.name),
      RATE_LIMIT_REQUESTS: '100000000',
    });
    const client = new pg.Client({ connectionString: cluster.urlOf(build.name) });
    await client.connect();
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return new Candidate(build, cluster, server, {
      url: await server.listening,
      client,
      backend: rows[0]!.pid,
    });
  }

  /** Runs executions and returns the cost of one. */
  async measure({ nodes, count }: Workload): Promise<Figures> {
    await this.client.query('VACUUM (ANALYZE)');
    await this.client.query('CHECKPOINT');
    await this.cluster.admin.query('SELECT pg_stat_statements_reset()');
    const cpu = () => [cpuMs(this.server.pid), cpuMs(this.cluster.pid, [this.backend])] as const;
    const before = cpu();
    const began = performance.now();
    await this.run(chain(nodes), count);
    const wallMs = performance.now() - began;
    await sleep(SETTLE_MS);
    const after = cpu();
    const serverMs = (after[0] - before[0]) / count;
    const postgresMs = (after[1] - before[1]) / count;
    return {
      statements: (await this.countStatements()) / count,
      serverCpuMs: serverMs,
      postgresCpuMs: postgresMs,
      cpuMs: serverMs + postgresMs,
      wallMs: wallMs / count,
      executionsPerSecond: (count / wallMs) * 1000,
    };
  }

  /** Returns the statements of the last measurement, by text. */
  async statements(count: number): Promise<object[]> {
    const { rows } = await this.cluster.admin.query<{
      calls: number;
      rows: number;
      ms: number;
      text: string;
    }>(
      `SELECT calls::int, rows::int, total_exec_time AS ms, regexp_replace(query, '\\s+', ' ', 'g') AS text FROM pg_stat_statements
       WHERE userid = $1::regrole ORDER BY calls DESC`,
      [this.build.name],
    );
    return rows
      .filter(({ calls }) => calls / count >= 0.01)
      .map(({ calls, rows: affected, ms, text }) => ({
        'for one execution': rounded(calls / count, 2),
        rows: rounded(affected / count, 2),
        'ms each': rounded(ms / calls, 3),
        text: text.slice(0, 110),
      }));
  }

  async stop(): Promise<void> {
    await this.client.end();
    await this.server.end();
  }

  private async countStatements(): Promise<number> {
    const { rows } = await this.cluster.admin.query<{ calls: number }>(
      'SELECT coalesce(sum(calls), 0)::int AS calls FROM pg_stat_statements WHERE userid = $1::regrole',
      [this.build.name],
    );
    return rows[0]!.calls;
  }

  private async run(workflow: object, count: number): Promise<void> {
    const body = JSON.stringify({ projectId: 'bench', input: 'x', workflow });
    let left = count;
    let running = true;
    const work = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const id = await this.post(body);
        await new Promise<void>((resolve) => this.open.set(id, resolve));
      }
    };
    this.agent = new Agent({ keepAlive: true, maxSockets: concurrency });
    const working = Promise.all(Array.from({ length: concurrency }, work)).finally(() => (running = false));
    await Promise.all([working, this.poll(() => running)]);
    this.agent.destroy();
  }

  /** Polls the database and not the server, so that polling adds no work to the measured server. */
  private async poll(isRunning: () => boolean): Promise<void> {
    while (isRunning()) {
      await sleep(POLL_MS);
      if (this.open.size === 0) continue;
      const { rows } = await this.client.query<{ id: string; status: string }>({
        name: 'ended',
        text: 'SELECT id, status FROM cloutagent.executions WHERE id = ANY ($1::uuid[]) AND completed_at IS NOT NULL',
        values: [[...this.open.keys()]],
      });
      for (const { id, status } of rows) {
        if (status !== 'completed') throw new Error(`execution ${id} of ${this.build.name} is ${status}`);
        this.open.get(id)?.();
        this.open.delete(id);
      }
    }
  }

  private post(body: string): Promise<string> {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
    return new Promise((resolve, reject) => {
      const call = request(
        `${this.url}/api/executions`,
        { method: 'POST', headers, agent: this.agent },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (data: string) => (text += data));
          answer.on('end', () => {
            if (answer.statusCode === 202) resolve((JSON.parse(text) as { id: string }).id);
            else reject(new Error(`POST answered ${answer.statusCode}: ${text}`));
          });
        },
      );
      call.on('error', reject);
      call.end(body);
    });
  }
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));
const roundedAll = (figures: Figures, digits = 3): Figures =>
  Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, rounded(value, digits)]));

const cluster = await Cluster.start({
  shared_preload_libraries: 'pg_stat_statements',
  // The CPU of an autovacuum worker for one build would count for the other. Each build is vacuumed before it is measured.
  autovacuum: 'off',
});
const candidates: Candidate[] = [];
try {
  await cluster.admin.query('CREATE EXTENSION pg_stat_statements');
  for (const build of Build.list(given.against)) candidates.push(await Candidate.start(build, cluster));
  const results = [];
  for (const workload of WORKLOADS) {
    const measured = candidates.map(({ build }) => ({ build: build.name, rounds: [] as Figures[] }));
    // Measure once without recording, so that compiled code, pools and caches are warm from the first round on.
    for (const candidate of candidates) await candidate.measure(workload);
    for (let round = 0; round < rounds; round += 1)
      for (const [index, candidate] of candidates.entries()) {
        measured[index]!.rounds.push(await candidate.measure(workload));
        if (given.statements && round === 0) console.table(await candidate.statements(workload.count));
      }
    const rows = measured.map(({ build, rounds: figures }) => [build, roundedAll(medians(figures))] as const);
    const [ours, against] = measured;
    const pairs = against?.rounds.map((figures, round) =>
      Object.fromEntries(
        Object.entries(figures).map(([name, value]) => [name, ours!.rounds[round]![name]! / value]),
      ),
    );
    console.log(
      `${workload.description}, ${workload.count} executions, figures of one execution, medians of ${rounds} rounds`,
    );
    console.table(
      Object.fromEntries([...rows, ...(pairs ? [['ours ÷ against', roundedAll(medians(pairs))]] : [])]),
    );
    if (pairs) console.table(pairs.map((pair) => roundedAll(pair)));
    results.push({
      workload: workload.name,
      description: workload.description,
      executions: workload.count,
      ...Object.fromEntries(rows),
      ...(pairs && {
        ratios: { medians: roundedAll(medians(pairs)), pairs: pairs.map((pair) => roundedAll(pair)) },
      }),
    });
  }
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
  const builds = Object.fromEntries(candidates.map(({ build }) => [build.name, build.commit]));
  await mkdir(new URL('results/', import.meta.url), { recursive: true });
  await writeFile(
    new URL('results/executions.json', import.meta.url),
    `${JSON.stringify({ at: new Date().toISOString(), machine, builds, concurrency, rounds, results }, null, 2)}\n`,
  );
} finally {
  for (const candidate of candidates) await candidate.stop();
  await cluster.stop();
}
