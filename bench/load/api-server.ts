import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Figures } from './bench.ts';
import { type Build, KEY, type ServerProcess } from './build.ts';
import type { Cluster } from './cluster.ts';
import { cpuMs } from './cpu.ts';
import { type Memory, MEMORY_OPTIONS, memoryOf } from './memory.ts';

const POLL_MS = 10;

/** A server of one build with a database of its own, called over HTTP. Waiting reads the database, not the server. */
export class ApiServer {
  private readonly cluster: Cluster;
  private readonly servers: ServerProcess[];
  private readonly urls: string[];
  private readonly client: pg.Client;
  private readonly backend: number;
  private readonly role: string;
  private calls = 0;
  /** Created again for each measurement, because a server closes connections that are idle in between. */
  private agent = new Agent({ keepAlive: true });

  private constructor(
    cluster: Cluster,
    servers: ServerProcess[],
    { urls, client, backend, role }: { urls: string[]; client: pg.Client; backend: number; role: string },
  ) {
    this.cluster = cluster;
    this.servers = servers;
    this.urls = urls;
    this.client = client;
    this.backend = backend;
    this.role = role;
  }

  /**
   * Starts a server.
   * @param processes number of processes that share the database
   * @param role name of its new role and database
   */
  static async start(
    build: Build,
    cluster: Cluster,
    settings: Record<string, string> = {},
    processes = 1,
    role = `${build.name}_${processes}`,
  ): Promise<ApiServer> {
    await cluster.createDatabase(role);
    await cluster.createRole(role);
    const env = { DATABASE_URL: cluster.urlOf(role, role), RATE_LIMIT_REQUESTS: '100000000', ...settings };
    const servers = [];
    const urls = [];
    for (let started = 0; started < processes; started += 1) {
      const server = build.spawn(env, MEMORY_OPTIONS);
      urls.push(await server.listening);
      servers.push(server);
    }
    const client = new pg.Client({ connectionString: cluster.urlOf(role) });
    await client.connect();
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return new ApiServer(cluster, servers, { urls, client, backend: rows[0]!.pid, role });
  }

  /** Ids of the server's processes. */
  get pids(): number[] {
    return this.servers.map(({ pid }) => pid);
  }

  /** Address of the first process. */
  get firstUrl(): string {
    return this.urls[0]!;
  }

  /** Ports of the processes. */
  get ports(): number[] {
    return this.urls.map((url) => Number(new URL(url).port));
  }

  /** Returns the sum of a metric over its labels, for each process. */
  metric(name: string): Promise<number[]> {
    return Promise.all(
      this.urls.map(async (url) => {
        const text = await (await fetch(`${url}/metrics`)).text();
        const samples = text.split('\n').filter((line) => new RegExp(`^${name}[{ ]`).test(line));
        return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
      }),
    );
  }

  /** Runs work and returns its cost for one of `count` units, and the units per second. */
  async measure(count: number, work: () => Promise<void>): Promise<Figures> {
    await this.client.query('VACUUM (ANALYZE)');
    await this.client.query('CHECKPOINT');
    await this.cluster.admin.query('SELECT pg_stat_statements_reset()');
    this.agent = new Agent({ keepAlive: true });
    const cpu = () => [
      this.pids.reduce((sum, pid) => sum + cpuMs(pid), 0),
      cpuMs(this.cluster.pid, [this.backend]),
    ];
    const before = cpu();
    const began = performance.now();
    await work();
    const seconds = (performance.now() - began) / 1000;
    const after = cpu();
    this.agent.destroy();
    const statements = await this.statements();
    const [serverCpuMs, postgresCpuMs] = after.map((ms, index) => (ms - before[index]!) / count) as [
      number,
      number,
    ];
    return {
      perSecond: count / seconds,
      serverCpuMs,
      postgresCpuMs,
      cpuMs: serverCpuMs + postgresCpuMs,
      statements: statements.reduce((sum, { calls }) => sum + calls, 0) / count,
    };
  }

  /** Returns the statements of the last measurement, the most frequent first. */
  async statements(): Promise<{ calls: number; ms: number; text: string }[]> {
    const { rows } = await this.cluster.admin.query<{ calls: number; ms: number; text: string }>(
      `SELECT calls::int, total_exec_time AS ms, left(regexp_replace(query, '\\s+', ' ', 'g'), 110) AS text
       FROM pg_stat_statements WHERE userid = $1::regrole ORDER BY calls DESC`,
      [this.role],
    );
    return rows;
  }

  /** Starts an execution. @returns its id */
  async startExecution(workflow: object, input: unknown = null): Promise<string> {
    const { id } = await this.call<{ id: string }>('POST', '/api/executions', {
      projectId: 'bench',
      input,
      workflow,
    });
    return id;
  }

  /** Calls the API, the processes in turn. @throws unless the answer has a status from 200 to 299 */
  call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
    const url = `${this.urls[this.calls++ % this.urls.length]}${path}`;
    return new Promise((resolve, reject) => {
      const call = request(url, { method, headers, agent: this.agent }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (data: string) => (text += data));
        answer.on('end', () => {
          if (Math.floor(answer.statusCode! / 100) === 2) resolve(JSON.parse(text) as Answer);
          else reject(new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`));
        });
      });
      call.on('error', (error: NodeJS.ErrnoException) => {
        // The server has closed a connection that was idle, and has not read the request.
        if (call.reusedSocket && error.code === 'ECONNRESET') resolve(this.call(method, path, body));
        else reject(error);
      });
      call.end(body && JSON.stringify(body));
    });
  }

  /** Reads the database. */
  async query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.client.query<Row>(text, values)).rows;
  }

  /** Waits until a condition in SQL over the whole database is true. */
  async until(condition: string, values: unknown[] = []): Promise<void> {
    for (;;) {
      const [row] = await this.query<{ reached: boolean }>(`SELECT ${condition} AS reached`, values);
      if (row!.reached) return;
      await sleep(POLL_MS);
    }
  }

  /** Collects the garbage of the first process and returns what is left. */
  memory(): Promise<Memory> {
    return memoryOf(this.servers[0]!);
  }

  async stop(): Promise<void> {
    await this.client.end();
    for (const server of this.servers) await server.end();
  }
}

/** Calls `work` once for each item, `concurrency` of them at a time. */
export async function forEach<Item>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  const left = items.values();
  const next = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: concurrency }, next));
}
