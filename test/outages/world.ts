import { setTimeout as sleep } from 'node:timers/promises';
import { type ExpectedExecution, judge, type SeenFrame } from '../faults/oracle.ts';
import { isTerminalType } from '../faults/journal-rules.ts';
import { Server } from '../support/server.ts';
import { dataOf } from '../../src/journal/stored-event.js';
import { Api } from './api.ts';
import type { Cluster } from './cluster.ts';
import { CountingServer } from '../support/counting-server.ts';
import { Follower } from './follower.ts';
import { measureIdle } from './idle.ts';
import { Person } from './person.ts';
import type { Findings } from './report.ts';
import type { PlannedExecution } from './workload.ts';

const PROCESSES = 2;
const STARTS_AT_ONCE = 10;
const POLL_MS = 250;
/** After the last end: time for a second owner, if there is one, to append. */
const QUIET_MS = 3_000;
const SETTINGS = {
  HTTP_ALLOWED_HOSTS: '127.0.0.1',
  RATE_LIMIT_REQUESTS: '10000000',
  // No process dies here, so even two counted crashes are a bug. With this limit they fail the execution and show.
  MAX_RECOVERIES_PER_EXECUTION: '1',
  // A slow machine must not fail an expression.
  TRANSFORM_TIMEOUT_MS: '120000',
};

export interface WorldOptions {
  cluster: Cluster;
  plan: (n: number, url: string) => PlannedExecution;
  executions: number;
  /** The server's main file. */
  script: string;
  settings?: Record<string, string> | undefined;
  /** The person sends answers and resumes only after it resolves. */
  waits?: Promise<void> | undefined;
}

interface Known {
  id: string;
  n: number;
  plan: PlannedExecution;
  key: string;
  last: number;
}

/** Two server processes on a cluster, their executions, and two watchers per execution: one in each process. */
export class World {
  readonly cluster: Cluster;
  readonly person: Person;
  readonly servers: Server[];
  readonly followers: Follower[] = [];
  private readonly options: WorldOptions;
  private readonly counting: CountingServer;
  private readonly api: Api;
  private readonly stopped: AbortController;
  private readonly known = new Map<string, Known>();
  private started = 0;
  private outageEnd = 0;
  private firstEvent: number | undefined;
  private lastEnd = 0;
  /** When the database lost its last commits, if it did. */
  private lossAt: number | undefined;

  private constructor(options: WorldOptions, servers: Server[], counting: CountingServer) {
    this.options = options;
    this.cluster = options.cluster;
    this.servers = servers;
    this.counting = counting;
    this.stopped = new AbortController();
    this.api = new Api(() => this.servers.map(({ url }) => url), this.stopped.signal);
    this.person = new Person(this.api, options.waits);
  }

  static async open(options: WorldOptions): Promise<World> {
    const settings = { ...SETTINGS, DATABASE_URL: options.cluster.url, ...options.settings };
    const servers: Server[] = [];
    for (let n = 0; n < PROCESSES; n += 1) servers.push(await Server.start(settings, options.script));
    return new World(options, servers, await CountingServer.start());
  }

  get executions(): number {
    return this.known.size;
  }

  get ids(): string[] {
    return [...this.known.keys()];
  }

  /** Starts the next executions of the plan, evenly spread over a time. */
  async start(count: number, overMs = 0): Promise<void> {
    const began = Date.now();
    let next = 0;
    const work = async () => {
      while (next < count) {
        const index = next++;
        const wait = began + (index * overMs) / count - Date.now();
        if (wait > 0) await sleep(wait);
        await this.startOne(this.started++);
      }
    };
    await Promise.all(Array.from({ length: STARTS_AT_ONCE }, work));
  }

  /** Starts half of the executions now and the others during the outages. Waits until all are started and the outages are past. */
  async during(phaseMs: number, outages: () => Promise<void>): Promise<void> {
    const half = Math.floor(this.options.executions / 2);
    await this.start(half);
    await sleep(2_000);
    const rest = this.start(this.options.executions - half, phaseMs);
    await outages();
    this.ended();
    await rest;
  }

  /** Marks the end of the outage. Findings count times from here. */
  ended(): void {
    this.outageEnd = Date.now();
    this.firstEvent = undefined;
  }

  /** Stops a process with SIGTERM and starts another one in its place. */
  async replace(index: number): Promise<void> {
    await this.servers[index]!.kill('SIGTERM');
    const settings = { ...SETTINGS, DATABASE_URL: this.cluster.url, ...this.options.settings };
    this.servers[index] = await Server.start(settings, this.options.script);
  }

  /**
   * Expects that the database has lost its last commits: executions may be missing, and requests may be repeated.
   * @param at when the database was stopped, in ms of the epoch
   */
  allowLoss(at: number): void {
    this.lossAt = at;
    for (const known of this.known.values()) known.last = 0;
    this.person.repeat();
  }

  /** Waits until all executions and watchers have ended, at most `limitMs`. Then it judges them. */
  async judge(limitMs: number): Promise<Findings> {
    const deadline = Date.now() + limitMs;
    while (Date.now() < deadline && !(await this.hasEnded().catch(() => false))) await sleep(POLL_MS);
    await this.quiet();
    const idle = await measureIdle(
      this.cluster,
      this.servers.map(({ process }) => process.pid),
    );
    this.stopped.abort();
    for (const follower of this.followers) follower.stop();
    const rows = await this.cluster.rows<{ id: string; crashes: number }>(
      `SELECT id, coalesce(to_jsonb(e)->>'crash_count', to_jsonb(e)->>'deaths')::int AS crashes FROM cloutagent.executions AS e`,
    );
    const stored = new Set(rows.map(({ id }) => id));
    const kept = [...this.known.values()].filter(({ id }) => this.lossAt === undefined || stored.has(id));
    const alive = this.servers.filter(({ process }) => process.exitCode === null && !process.signalCode);
    const problems = await judge(this.cluster.url, {
      executions: kept.map((known) => this.expect(known)),
      watchers: this.followers
        .filter(({ executionId }) => stored.has(executionId))
        .map((follower) => (this.lossAt === undefined ? follower.log : follower.split(this.lossAt).log)),
      servers: alive.map(({ url }) => url),
    });
    // A process that was declared dead by mistake takes its counted crash back, so no crash may remain.
    for (const { id, crashes } of rows)
      if (crashes > 0)
        problems.push(`Execution ${id}: It counts ${crashes} crashes, but no process has died.`);
    for (const server of this.servers)
      if (!alive.includes(server)) problems.push('A server process exited unexpectedly.');
    if (this.lossAt === undefined) {
      const refused = this.followers.filter(({ refusals }) => refusals > 0).length;
      if (refused > 0) problems.push(`Watchers whose Last-Event-ID was refused: ${refused}.`);
    }
    return {
      executions: this.known.size,
      lost: this.known.size - kept.length,
      refused: this.followers.filter(({ refusals }) => refusals > 0).length,
      spliced: this.lossAt === undefined ? 0 : await this.spliced(this.lossAt),
      problems,
      mostCrashes: Math.max(0, ...rows.map(({ crashes }) => crashes)),
      firstEventMs: this.firstEvent === undefined ? undefined : this.firstEvent - this.outageEnd,
      lastEndMs: Math.max(0, this.lastEnd - this.outageEnd),
      ...idle,
    };
  }

  /** Passes the output of the processes and of the database to `keep`. */
  async keepOutput(keep: (name: string, text: string) => Promise<void>): Promise<void> {
    for (const [index, server] of this.servers.entries()) await keep(`process-${index}`, server.output());
    await keep('postgres', await this.cluster.log());
  }

  async close(): Promise<void> {
    this.stopped.abort();
    for (const follower of this.followers) follower.stop();
    for (const server of this.servers) {
      server.process.kill('SIGCONT');
      await server.kill();
    }
    await this.counting.close();
  }

  private async startOne(n: number): Promise<void> {
    const plan = this.options.plan(n, this.counting.url);
    const key = `outage-${n}`;
    const { nodes, edges } = plan;
    const body = {
      projectId: `outage-${n % 4}`,
      input: 'hello',
      workflow: { nodes, edges: edges.map(([source, target]) => ({ source, target })) },
    };
    const call = { path: '/api/executions', body, headers: { 'idempotency-key': key } };
    const answer = await this.api.post(call, n);
    if (!answer) return;
    if (answer.status !== 202)
      throw new Error(`POST answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    const id = answer.body['id'] as string;
    const known = { id, n, plan, key, last: 0 };
    this.known.set(id, known);
    this.person.take(id, plan);
    for (let process = 0; process < PROCESSES; process += 1)
      this.followers.push(
        new Follower({
          name: `${n} in process ${process}`,
          executionId: id,
          server: () => this.servers[process]!.url,
          onFrame: (frame) => this.see(known, frame),
        }),
      );
  }

  private see(known: Known, frame: SeenFrame): void {
    this.person.see(known.id, frame);
    if (Number(frame.id) <= known.last) return;
    known.last = Number(frame.id);
    this.firstEvent ??= Date.now();
    if (isTerminalType(frame.type)) this.lastEnd = Date.now();
  }

  private expect({ id, plan, key }: Known): ExpectedExecution {
    const isCancelled = plan.cancelAfterMs !== undefined;
    const ending = plan.failureCode === undefined ? 'completed' : 'failed';
    const posts = Object.entries(plan.posts ?? {});
    return {
      id,
      endings: isCancelled ? ['completed', 'cancelled'] : [ending],
      ...(plan.failureCode !== undefined && { failureCode: plan.failureCode }),
      idempotencyKey: key,
      // After a loss the requests of lost events are sent again, so they are not counted.
      ...(this.lossAt === undefined && {
        requests: new Map(posts.map(([nodeId, path]) => [nodeId, this.counting.count(path)])),
      }),
    };
  }

  /** Counts the watchers that reconnected after lost events and received other events with the same sequences. */
  private async spliced(lossAt: number): Promise<number> {
    const rows = await this.cluster.rows<{ id: string; sequence: number; data: string }>(
      'SELECT execution_id AS id, sequence, data FROM cloutagent.events',
    );
    const stored = new Map(
      rows.map(({ id, sequence, data }) => [`${id}:${sequence}`, timeOf(dataOf(id, data))]),
    );
    const isLost = (executionId: string, { id, data }: SeenFrame) =>
      stored.get(`${executionId}:${id}`) !== timeOf(data);
    return this.followers.filter((follower) => {
      const { before } = follower.split(lossAt);
      return !follower.isLost && before.some((frame) => isLost(follower.executionId, frame));
    }).length;
  }

  private async hasEnded(): Promise<boolean> {
    if (this.known.size < this.started || this.followers.some(({ isDone }) => !isDone)) return false;
    const open = await this.cluster.rows(
      'SELECT FROM cloutagent.executions WHERE completed_at IS NULL LIMIT 1',
    );
    return open.length === 0;
  }

  /** Waits until no event has been added for a while. */
  private async quiet(): Promise<void> {
    let [before, since] = [-1, Date.now()];
    const deadline = Date.now() + 10 * QUIET_MS;
    while (Date.now() - since < QUIET_MS && Date.now() < deadline) {
      const [row] = await this.cluster.rows<{ events: number }>(
        'SELECT count(*)::int AS events FROM cloutagent.events',
      );
      if (row!.events !== before) [before, since] = [row!.events, Date.now()];
      await sleep(POLL_MS);
    }
  }
}

const timeOf = (data: string): string => (JSON.parse(data) as { timestamp: string }).timestamp;
