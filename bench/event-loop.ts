// Measures how long the largest input of each kind blocks the event loop of a real server, because one request must not
// delay all others. `--against <folder of another build>` measures that build too. Prints a table, writes
// bench/results/event-loop.json, and fails if a kind exceeds the limit.
import { mkdir, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { medians } from './load/bench.ts';
import { Build, KEY, type ServerProcess } from './load/build.ts';
import { Cluster } from './load/cluster.ts';
import { type LargestInput, largestInputs } from './load/largest-inputs.ts';

const { values: given } = parseArgs({
  options: {
    against: { type: 'string' },
    tries: { type: 'string', default: '20' },
    /** Selects the kinds whose names contain this text. */
    only: { type: 'string', default: '' },
  },
});
const MOST_MS = 50;
const PROBE = fileURLToPath(new URL('load/loop-probe.ts', import.meta.url));
const tries = Number(given.tries);

interface Stall {
  wallMs: number;
  cpuMs: number;
}

/** A server of one build whose event loop is measured. */
class MeasuredServer {
  readonly build: Build;
  /** Inputs as large as this build accepts them. */
  readonly inputs: readonly LargestInput[];
  private readonly agent = new Agent({ keepAlive: true });
  private readonly server: ServerProcess;
  private readonly url: string;
  private readonly database: pg.Client;

  private constructor(build: Build, server: ServerProcess, url: string, database: pg.Client) {
    this.build = build;
    this.inputs = largestInputs(Number(build.settings()['MAX_JSON_PARTS'] ?? Infinity));
    this.server = server;
    this.url = url;
    this.database = database;
  }

  static async start(build: Build, cluster: Cluster): Promise<MeasuredServer> {
    await cluster.createDatabase(build.name);
    const server = build.spawn(
      {
        DATABASE_URL: cluster.urlOf(build.name),
        RATE_LIMIT_REQUESTS: '100000000',
        MAX_AUTH_FAILURES_PER_MINUTE: '100000000',
        TRUST_PROXY: '1',
        JWT_SECRET: 'a-shared-secret-of-more-than-32-characters',
        HTTP_ALLOWED_HOSTS: '127.0.0.1',
        STREAM_COMPRESSION: 'gzip',
      },
      ['--import', PROBE],
    );
    const url = await server.listening;
    const database = new pg.Client({ connectionString: cluster.urlOf(build.name) });
    await database.connect();
    return new MeasuredServer(build, server, url, database);
  }

  /** Sends an input, waits until an execution that it started has ended, and returns the longest stall meanwhile. */
  async try(input: LargestInput): Promise<Stall & { status: number }> {
    await this.stall();
    const { status, id } = await this.send(input);
    if (id !== undefined) await this.ended(id);
    // The probe sees a stall only in the next turn of the event loop.
    await sleep(20);
    return { status, ...(await this.stall()) };
  }

  async stop(): Promise<void> {
    this.agent.destroy();
    await this.database.end();
    await this.server.end();
  }

  private async stall(): Promise<Stall> {
    const port = /the loop probe listens on (\d+)/.exec(this.server.output)![1];
    const answer = await fetch(`http://127.0.0.1:${port}`);
    return (await answer.json()) as Stall;
  }

  private send({ method, path, headers = {}, body }: LargestInput): Promise<{ status: number; id?: string }> {
    return new Promise((resolve, reject) => {
      const call = request(this.url + path, {
        method,
        agent: this.agent,
        headers: {
          authorization: `Bearer ${KEY}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
      });
      call.on('error', reject).on('response', (answer) => {
        const status = answer.statusCode ?? 0;
        if (status === 200 && path.includes('/stream')) {
          answer.destroy();
          resolve({ status });
          return;
        }
        let text = '';
        answer.setEncoding('utf8').on('data', (data: string) => (text += data));
        answer.on('end', () =>
          resolve(status === 202 ? { status, id: (JSON.parse(text) as { id: string }).id } : { status }),
        );
      });
      call.end(body);
    });
  }

  private async ended(id: string): Promise<void> {
    for (;;) {
      const { rowCount } = await this.database.query(
        'SELECT FROM cloutagent.executions WHERE id = $1 AND completed_at IS NOT NULL',
        [id],
      );
      if (rowCount) return;
      await sleep(10);
    }
  }
}

const rounded = (value: number): number => Number(value.toFixed(1));
const cluster = await Cluster.start();
const servers: MeasuredServer[] = [];
let isTooLong = false;
try {
  for (const build of Build.list(given.against)) servers.push(await MeasuredServer.start(build, cluster));
  const results: Record<string, string | number>[] = [];
  for (const { kind } of servers[0]!.inputs) {
    if (!kind.includes(given.only)) continue;
    const row: Record<string, string | number> = { kind };
    for (const server of servers) {
      const input = server.inputs.find((one) => one.kind === kind)!;
      // Send the input once more first, so that compiled code and caches are warm.
      if (tries > 1) await server.try(input);
      const stalls: (Stall & { status: number })[] = [];
      for (let round = 0; round < tries; round += 1) stalls.push(await server.try(input));
      const { wallMs, cpuMs, status } = medians(stalls.map((stall) => ({ ...stall })));
      const longestMs = Math.max(...stalls.map((stall) => stall.wallMs));
      const { body, path, headers = {} } = input;
      const bytes = body?.length ?? path.length + Object.values(headers).join('').length;
      const figures = { bytes, status: status!, medianMs: wallMs!, longestMs, cpuMs: cpuMs! };
      for (const [name, value] of Object.entries(figures))
        row[server.build.name === 'ours' ? name : `${name} (against)`] = rounded(value);
      if (server.build.name === 'ours' && wallMs! > MOST_MS) isTooLong = true;
    }
    console.log(JSON.stringify(row));
    results.push(row);
  }
  console.log(
    `longest stall of the event loop for the largest input of each kind, medians of ${tries} tries`,
  );
  console.table(results);
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version, load: loadavg()[0] };
  const builds = Object.fromEntries(servers.map(({ build }) => [build.name, build.commit]));
  await mkdir(new URL('results/', import.meta.url), { recursive: true });
  await writeFile(
    new URL('results/event-loop.json', import.meta.url),
    `${JSON.stringify({ at: new Date().toISOString(), machine, builds, tries, mostMs: MOST_MS, results }, null, 2)}\n`,
  );
} finally {
  for (const server of servers) await server.stop();
  await cluster.stop();
}
if (isTooLong) {
  console.error(`an input blocks the event loop for more than ${MOST_MS} ms`);
  process.exitCode = 1;
}
