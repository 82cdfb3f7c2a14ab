// Measures how long executions stop when their process is killed: from the kill to the first event and the first new token
// of the next owner, once with a second process, and once with a single process that is restarted at once. `--against <folder of another
// build>` runs both builds in turn. Prints a table for each case and writes bench/results/recovery.json.
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Figures } from './load/bench.ts';
import { Build, KEY, type ServerProcess } from './load/build.ts';
import { Cluster } from './load/cluster.ts';
import { type Arrival, Watcher } from './load/watcher.ts';

const { values: given } = parseArgs({
  options: {
    against: { type: 'string' },
    tries: { type: 'string', default: '10' },
    only: { type: 'string', default: 'other,restart' },
  },
});
const AGENTS = 3;
const OUTPUTS_BEFORE_KILL = 10;
const RETRY_MS = 50;
/** A process declares no other process dead before the database and its own checks have been running for some seconds. */
const SETTLE_MS = 6_500;
/** Kills are spread over the longest polling interval of a process, so that no figure depends on its phase. */
const POLL_MS = 2_000;
const PROCESS_LOCK = 0x636c6f75;

const providerOptions = { demo: { chunks: 100, delayMs: 20 } };
const WORKFLOW = {
  nodes: [{ id: 'a', type: 'agent', data: { config: { model: 'demo/echo', prompt: 'p', providerOptions } } }],
};

async function startExecutions(url: string): Promise<string[]> {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ projectId: 'bench', input: null, workflow: WORKFLOW });
  return Promise.all(
    Array.from({ length: AGENTS }, async () => {
      const response = await fetch(`${url}/api/executions`, { method: 'POST', headers, body });
      return ((await response.json()) as { id: string }).id;
    }),
  );
}

async function untilStreaming(watchers: readonly Watcher[]): Promise<void> {
  await Promise.all(
    watchers.map((watcher) =>
      watcher.first(({ type }) => {
        const outputs = watcher.arrivals.filter((arrival) => arrival.type === 'execution:output');
        return type === 'execution:output' && outputs.length >= OUTPUTS_BEFORE_KILL;
      }),
    ),
  );
}

/** Waits for the first event of the next owner. */
const takenOver = (watcher: Watcher) =>
  watcher.first(({ type, data }) => type === 'execution:started' && data.attempt! > 1);

/** Waits for the first token of the next owner. */
async function newToken(watcher: Watcher): Promise<Arrival> {
  const { sequence } = await takenOver(watcher);
  return watcher.first((arrival) => arrival.type === 'execution:output' && arrival.sequence > sequence);
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return String(port);
}

/** Runs two processes and kills the one that owns more executions. */
class OtherProcess {
  readonly name = 'other';
  readonly description = 'one of two processes is killed (ms from the kill)';
  readonly goalMs = 1_000;
  private readonly build: Build;
  private readonly cluster: Cluster;
  private readonly processes = new Map<string, ServerProcess>();
  private startedAt = 0;

  constructor(build: Build, cluster: Cluster) {
    this.build = build;
    this.cluster = cluster;
  }

  async prepare(): Promise<void> {
    await this.cluster.createDatabase(`${this.build.name}_other`);
    for (const role of this.roles) {
      await this.cluster.createRole(role);
      await this.startProcess(role);
    }
  }

  async try(): Promise<Figures> {
    await sleep(Math.max(0, this.startedAt + SETTLE_MS + Math.random() * POLL_MS - Date.now()));
    const urls = new Map<string, string>();
    for (const [role, process] of this.processes) urls.set(role, await process.listening);
    const executions = await startExecutions([...urls.values()][0]!);
    const watchers = [...urls].flatMap(([role, url]) =>
      executions.map((id) => ({ role, id, watcher: new Watcher([url], id, RETRY_MS) })),
    );
    await untilStreaming(watchers.map(({ watcher }) => watcher));
    const owners = await this.ownersOf(executions);
    const [victim, survivor] = this.roles.toSorted((a, b) => count(owners, b) - count(owners, a)) as [
      string,
      string,
    ];
    const killedAt = Date.now();
    await this.processes.get(victim)!.end('SIGKILL');
    const affected = watchers.filter(({ role, id }) => role === survivor && owners.get(id) === victim);
    const timesUntil = (find: (watcher: Watcher) => Promise<Arrival>): Promise<number[]> =>
      Promise.all(affected.map(async ({ watcher }) => (await find(watcher)).at - killedAt));
    const times = await timesUntil(takenOver);
    const tokens = await timesUntil(newToken);
    await Promise.all(watchers.filter(({ role }) => role === survivor).map(({ watcher }) => watcher.end()));
    for (const { watcher } of watchers) watcher.close();
    await this.startProcess(victim);
    return {
      first: Math.min(...times),
      last: Math.max(...times),
      'first new token': Math.min(...tokens),
      'last new token': Math.max(...tokens),
    };
  }

  async stop(): Promise<void> {
    for (const process of this.processes.values()) await process.end();
  }

  private get roles(): string[] {
    return [`${this.build.name}_one`, `${this.build.name}_two`];
  }

  private async startProcess(role: string): Promise<void> {
    const url = this.cluster.urlOf(`${this.build.name}_other`, role);
    this.processes.set(role, await this.build.start({ DATABASE_URL: url }));
    this.startedAt = Date.now();
  }

  /** Returns the database role of each execution's owner, found by the lock that the owner holds. */
  private async ownersOf(executions: readonly string[]): Promise<Map<string, string>> {
    const { rows } = await this.cluster.query<{ id: string; role: string }>(
      `${this.build.name}_other`,
      `SELECT DISTINCT e.id, a.usename AS role FROM cloutagent.executions AS e
         JOIN pg_locks AS l ON l.locktype = 'advisory' AND l.classid = $1 AND l.objid::text = e.owner
         JOIN pg_stat_activity AS a ON a.pid = l.pid
       WHERE e.id = ANY ($2)`,
      [PROCESS_LOCK, executions],
    );
    return new Map(rows.map(({ id, role }) => [id, role]));
  }
}

const count = (owners: ReadonlyMap<string, string>, role: string): number =>
  [...owners.values()].filter((owner) => owner === role).length;

/** Kills the only process and starts it again at once. */
class Restart {
  readonly name = 'restart';
  readonly description =
    'the only process is killed and started again at once (ms from the kill; the parts follow each other)';
  readonly goalMs = 1_500;
  private readonly build: Build;
  private readonly cluster: Cluster;
  private settings: Record<string, string> = {};
  private process: ServerProcess | undefined;

  constructor(build: Build, cluster: Cluster) {
    this.build = build;
    this.cluster = cluster;
  }

  async prepare(): Promise<void> {
    await this.cluster.createDatabase(`${this.build.name}_restart`);
    this.settings = {
      DATABASE_URL: this.cluster.urlOf(`${this.build.name}_restart`),
      PORT: await freePort(),
    };
    this.process = this.spawn();
    await sleep(SETTLE_MS);
  }

  async try(): Promise<Figures> {
    const url = await this.process!.listening;
    const executions = await startExecutions(url);
    const watchers = executions.map((id) => new Watcher([url], id, RETRY_MS));
    await untilStreaming(watchers);
    const seen = watchers.map(({ arrivals }) => arrivals.length);
    const killedAt = Date.now();
    void this.process!.end('SIGKILL');
    this.process = this.spawn();
    const firsts = await Promise.all(watchers.map(takenOver));
    const tokens = (await Promise.all(watchers.map(newToken))).map(({ at }) => at - killedAt);
    const firstNew = watchers.map(
      ({ arrivals }, index) => arrivals.slice(seen[index]).find(({ at }) => at > killedAt)!.at,
    );
    const owned = Math.min(...firsts.map(({ data }) => Date.parse(data.timestamp)));
    await Promise.all(watchers.map((watcher) => watcher.end()));
    const { boot, main, connect, listen } = this.startTimes();
    const first = Math.min(...firsts.map(({ at }) => at));
    return {
      'first new event': Math.min(...firstNew) - killedAt,
      'first of next owner': first - killedAt,
      'last of next owner': Math.max(...firsts.map(({ at }) => at)) - killedAt,
      'first new token': Math.min(...tokens),
      'last new token': Math.max(...tokens),
      listens: listen - killedAt,
      'part: Node boots': boot - killedAt,
      'part: imports': main - boot,
      'part: until it connects': connect - main,
      'part: until it records': owned - connect,
      'part: until the event arrives': first - owned,
    };
  }

  async stop(): Promise<void> {
    await this.process?.end();
  }

  private spawn(): ServerProcess {
    return this.build.spawn(this.settings, [
      '--import',
      new URL('load/start-times.mjs', import.meta.url).href,
    ]);
  }

  private startTimes(): Record<'boot' | 'main' | 'connect' | 'listen', number> {
    const found = /start times (\{.*\});/.exec(this.process!.output)?.[1];
    if (found === undefined) throw new Error(`the server printed no start times:\n${this.process!.output}`);
    return JSON.parse(found) as Record<'boot' | 'main' | 'connect' | 'listen', number>;
  }
}

const CASES = { other: OtherProcess, restart: Restart };
const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Returns median and maximum of each figure. */
function summary(tries: readonly Figures[]): Record<string, { median: number; most: number }> {
  return Object.fromEntries(
    Object.keys(tries[0]!).map((name) => {
      const values = tries.map((figures) => figures[name]!);
      return [name, { median: Math.round(middle(values)), most: Math.round(Math.max(...values)) }];
    }),
  );
}

const cluster = await Cluster.start();
const results: Record<string, unknown> = {};
const builds = Build.list(given.against);
try {
  for (const name of given.only.split(',') as (keyof typeof CASES)[]) {
    const candidates = builds.map((build) => ({
      build,
      run: new CASES[name](build, cluster),
      tries: [] as Figures[],
    }));
    try {
      for (const { run } of candidates) await run.prepare();
      for (let round = 0; round < Number(given.tries); round += 1)
        for (const candidate of candidates) candidate.tries.push(await candidate.run.try());
    } finally {
      for (const { run } of candidates) await run.stop();
    }
    console.log(candidates[0]!.run.description);
    for (const { build, tries } of candidates)
      console.table({ [`${build.name} (${build.commit})`]: {}, ...summary(tries) });
    const { goalMs } = candidates[0]!.run;
    const { median, most } = summary(candidates[0]!.tries)['last new token']!;
    console.log(
      `goal: a new token of every execution within ${goalMs} ms: ${median} (median), ${most} (longest)`,
    );
    results[name] = {
      goalMs,
      description: candidates[0]!.run.description,
      ...Object.fromEntries(candidates.map(({ build, tries }) => [build.name, { ...summary(tries), tries }])),
    };
  }
} finally {
  await cluster.stop();
}
const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
const commits = Object.fromEntries(builds.map((build) => [build.name, build.commit]));
await mkdir(new URL('results/', import.meta.url), { recursive: true });
await writeFile(
  new URL('results/recovery.json', import.meta.url),
  `${JSON.stringify({ at: new Date().toISOString(), machine, builds: commits, tries: Number(given.tries), results }, null, 2)}\n`,
);
