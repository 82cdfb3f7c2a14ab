// Runs two processes at half of the load that they carry at most, and restarts one of them again and again: by SIGTERM and
// SIGKILL in turn. Checks that each accepted execution ends and that each watcher sees every event once and in order, and
// reports the time from a start to its first event, refused starts and memory. Fails if anything is lost. Prints tables and
// writes bench/results/restarts.json. `--quick` restarts every 20 s for two minutes.
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePorts } from '../test/support/free-ports.ts';
import { forEach } from './load/api-server.ts';
import { Build } from './load/build.ts';
import { Cluster } from './load/cluster.ts';
import type { Memory } from './load/memory.ts';
import { RestartedServer } from './load/restarted-server.ts';
import { StartClient } from './load/start-client.ts';
import { Watcher } from './load/watcher.ts';

const { values: given } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    /** Seconds between restarts. */
    every: { type: 'string', default: '60' },
    quick: { type: 'boolean', default: false },
    /** Seconds for which the limit is measured. */
    'limit-seconds': { type: 'string', default: '20' },
    /** Share of the limit. */
    share: { type: 'string', default: '0.5' },
  },
});
const runMs = Number(given.quick ? '2' : given.minutes) * 60_000;
const everyMs = Number(given.quick ? '20' : given.every) * 1_000;
const limitMs = Number(given['limit-seconds']) * 1_000;

const WARM_UP_MS = 10_000;
/** Executions at a time while the limit is measured: more of them add no throughput. */
const LIMIT_CONCURRENCY = 150;
/** Pause before a watcher connects again, to the other process. */
const RETRY_MS = 100;
/** A restart's influence ends this long after the process listens again. */
const AFTER_RESTART_MS = 5_000;
const END_TIMEOUT_MS = 120_000;
const GOAL_P99_MS = 250;
const MB = 1024 * 1024;

const START = {
  projectId: 'bench',
  input: null,
  workflow: {
    nodes: [
      {
        id: 'a',
        type: 'agent',
        data: {
          config: {
            model: 'demo/echo',
            prompt: 'p',
            providerOptions: { demo: { chunks: 50, delayMs: 10 } },
          },
        },
      },
    ],
  },
};

interface Outcome {
  sentAt: number;
  /** Ms from the first try of the start to the first event at its watcher. */
  firstMs: number;
  tries: number;
  connects: number;
}

interface Restart {
  from: number;
  /** When it has no influence any more. */
  to: number;
  signal: string;
  endedMs: number;
  listensMs: number;
  /** Memory of the process that is never restarted, after a collection, and bytes of the other one. */
  one: Memory;
  two: number;
}

/** Follows executions from their start to their end. */
class Load {
  readonly outcomes: Outcome[] = [];
  /** What must not happen. */
  readonly faults: string[] = [];
  accepted = 0;
  inFlight = 0;
  private readonly urls: readonly string[];
  private readonly client: StartClient;
  private turn = 0;

  constructor(urls: readonly string[], client: StartClient) {
    this.urls = urls;
    this.client = client;
  }

  /** Starts an execution and watches it, on another process for every second one, until its end. */
  async runOne(): Promise<void> {
    const sentAt = Date.now();
    this.inFlight += 1;
    try {
      const { id, tries } = await this.client.start();
      this.accepted += 1;
      this.turn += 1;
      const bases = Math.floor(this.turn / 2) % 2 === 0 ? this.urls : this.urls.toReversed();
      const watcher = new Watcher(bases, id, RETRY_MS);
      const timer = setTimeout(() => watcher.close(), END_TIMEOUT_MS);
      await watcher.end();
      clearTimeout(timer);
      this.check(id, watcher);
      const firstMs = (watcher.arrivals[0]?.at ?? Infinity) - sentAt;
      this.outcomes.push({ sentAt, firstMs, tries, connects: watcher.connects });
    } catch (error) {
      this.faults.push((error as Error).message);
    } finally {
      this.inFlight -= 1;
    }
  }

  private check(id: string, { arrivals }: Watcher): void {
    const wrong = arrivals.findIndex(({ sequence }, index) => sequence !== index + 1);
    if (wrong !== -1)
      this.faults.push(`${id}: event ${arrivals[wrong]!.sequence} came as number ${wrong + 1}`);
    const last = arrivals.at(-1)?.type;
    if (last !== 'execution:completed') this.faults.push(`${id}: the last event was ${last}`);
  }
}

/** Runs as many executions as the processes carry. @returns executions per second */
async function measureLimit(load: Load, ms: number): Promise<number> {
  const began = Date.now();
  const before = load.outcomes.length;
  await forEach(Array.from({ length: LIMIT_CONCURRENCY }), LIMIT_CONCURRENCY, async () => {
    while (Date.now() - began < ms) await load.runOne();
  });
  return ((load.outcomes.length - before) / (Date.now() - began)) * 1_000;
}

/** Starts executions at a constant rate, whether earlier ones have ended or not. @returns the most at one time */
async function runAtRate(load: Load, perSecond: number, ms: number): Promise<number> {
  const began = performance.now();
  const running: Promise<void>[] = [];
  let most = 0;
  while (performance.now() - began < ms) {
    const due = ((performance.now() - began) / 1_000) * perSecond;
    while (running.length < due) running.push(load.runOne());
    most = Math.max(most, load.inFlight);
    await sleep(5);
  }
  await Promise.all(running);
  return most;
}

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;
const timesOf = (outcomes: readonly Outcome[]) => {
  const times = outcomes.map(({ firstMs }) => firstMs);
  return {
    starts: times.length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    most: quantile(times, 1),
  };
};
const inMB = (bytes: number): number => Number((bytes / MB).toFixed(1));

const cluster = await Cluster.start();
const servers: RestartedServer[] = [];
try {
  const build = Build.list(undefined)[0]!;
  await cluster.createDatabase('restarts');
  for (const port of await freePorts(2)) {
    const settings = {
      DATABASE_URL: cluster.urlOf('restarts'),
      PORT: String(port),
      RATE_LIMIT_REQUESTS: '100000000',
      MAX_EXECUTIONS_PER_PROJECT: '10000',
    };
    servers.push(await RestartedServer.start(build, settings));
  }
  const [lasting, restarted] = servers as [RestartedServer, RestartedServer];
  const urls = servers.map(({ url }) => url);
  const client = new StartClient(urls, START);
  const warmUp = new Load(urls, client);
  await measureLimit(warmUp, WARM_UP_MS);
  const limit = await measureLimit(warmUp, limitMs);
  const rate = limit * Number(given.share);
  console.log(
    `limit ${limit.toFixed(1)} executions/s with ${LIMIT_CONCURRENCY} at a time; now ${rate.toFixed(1)}/s for ${runMs / 60_000} min, a restart every ${everyMs / 1_000} s`,
  );
  const load = new Load(urls, client);
  const refusedBefore = { ...client.refused };
  const began = Date.now();
  const restarts: Restart[] = [];
  const restarting = (async () => {
    for (let next = began + everyMs; next < began + runMs; next = Math.max(next + everyMs, Date.now())) {
      await sleep(Math.max(0, next - Date.now()));
      const [one, two] = [await lasting.memory(), restarted.resident()];
      const signal = restarts.length % 2 === 0 ? 'SIGTERM' : 'SIGKILL';
      const from = Date.now();
      const timing = await restarted.restart(signal);
      restarts.push({ from, to: Date.now() + AFTER_RESTART_MS, signal, ...timing, one, two });
      console.log(`${((from - began) / 60_000).toFixed(1)} min: ${signal}`, timing);
    }
  })();
  const most = await runAtRate(load, rate, runMs);
  await restarting;
  const last = await lasting.memory();

  const { rows: stored } = await cluster.query<{ status: string; count: number }>(
    'restarts',
    'SELECT status, count(*)::int AS count FROM cloutagent.executions GROUP BY status',
    [],
  );
  const accepted = load.accepted + warmUp.accepted;
  const total = stored.reduce((sum, { count }) => sum + count, 0);
  if (total !== accepted) load.faults.push(`${accepted} executions were accepted, ${total} are stored`);
  for (const { status, count } of stored)
    if (status !== 'completed') load.faults.push(`${count} executions are ${status}`);
  load.faults.push(...warmUp.faults);

  const rows = restarts.map(({ from, signal, endedMs, listensMs, one, two }, index) => {
    const since = restarts[index - 1]?.from ?? began;
    const { starts, p50, p99 } = timesOf(
      load.outcomes.filter(({ sentAt }) => sentAt >= since && sentAt < from),
    );
    return {
      minute: Number(((from - began) / 60_000).toFixed(1)),
      signal,
      'ended after ms': endedMs,
      'listens after ms': listensMs,
      'one: heap MB': inMB(one.heapUsed),
      'one: resident MB': inMB(one.rss),
      'two: resident MB': inMB(two),
      'starts before it': starts,
      p50,
      p99,
    };
  });
  const isInside = ({ sentAt }: Outcome) => restarts.some(({ from, to }) => sentAt >= from && sentAt <= to);
  const times = {
    all: timesOf(load.outcomes),
    'outside of restarts': timesOf(load.outcomes.filter((outcome) => !isInside(outcome))),
    'during restarts': timesOf(load.outcomes.filter(isInside)),
  };
  const refused = Object.fromEntries(
    Object.entries(client.refused).map(([reason, count]) => [reason, count - (refusedBefore[reason] ?? 0)]),
  );
  const result = {
    at: new Date().toISOString(),
    machine: { cpus: cpus().length, model: cpus()[0]?.model, node: process.version, load: loadavg() },
    minutes: runMs / 60_000,
    secondsBetweenRestarts: everyMs / 1_000,
    limit,
    rate,
    executions: load.accepted,
    atOneTime: most,
    faults: load.faults.length,
    times,
    startsTriedAgain: load.outcomes.filter(({ tries }) => tries > 1).length,
    refused,
    watchersThatReconnected: load.outcomes.filter(({ connects }) => connects > 1).length,
    restarts: rows,
    lastMemory: { 'one: heap MB': inMB(last.heapUsed), 'one: resident MB': inMB(last.rss) },
  };
  console.table(rows);
  console.log('memory of the process that was never restarted, at the end:', result.lastMemory);
  console.log('ms from a start to the first event at its watcher');
  console.table(times);
  console.log(
    `${load.accepted} executions, at most ${most} at one time; ${result.startsTriedAgain} starts were sent again, by reason:`,
    refused,
    `${result.watchersThatReconnected} watchers reconnected`,
  );
  for (const fault of load.faults.slice(0, 20)) console.error(fault);
  const verdict = load.faults.length === 0 ? 'nothing was lost' : `${load.faults.length} faults`;
  console.log(`${verdict}; p99 ${times.all.p99} ms (goal: below ${GOAL_P99_MS} ms)`);
  if (load.faults.length > 0) process.exitCode = 1;
  await mkdir(new URL('results/', import.meta.url), { recursive: true });
  await writeFile(new URL('results/restarts.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`);
  client.close();
} finally {
  await Promise.all(servers.map((server) => server.stop()));
  await cluster.stop();
}
