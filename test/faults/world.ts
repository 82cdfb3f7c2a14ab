import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createDatabase } from '../support/server.ts';
import { CountingServer } from '../support/counting-server.ts';
import { ExecutionClient } from './execution-client.ts';
import { Injector } from './injector.ts';
import { judge } from './oracle.ts';
import { type Fault, makePlan, type Plan } from './plan.ts';
import { ProcessSlot } from './process-slot.ts';
import { ProjectWatcher } from './project-watcher.ts';
import type { Profile } from './profiles.ts';
import { SeededRandom } from './random.ts';

/** All executions must end within this time after the last fault. A slow machine gets at least so many polls. */
const LIMIT_MS = 60_000;
const LIMIT_POLLS = 800;
const START_MS = 2_000;
const POLL_MS = 50;
const OUTPUT_SHOWN = 6_000;
const STACK_LINE = /^ +at .*\n/gm;

const projectOf = (seed: number): string => `seed-${seed}`;

/** The result of one seed. */
export interface SeedReport {
  seed: number;
  profile: string;
  /** One sentence each. */
  violations: string[];
  /** What happened, one line each. */
  trace: string[];
  /** By kind: how many faults the seed planned, and how many connections they hit. */
  faults: Record<string, number>;
  executions: number;
  /** Claims beyond the first of each execution. */
  takeovers: number;
  /** Executions that count more crashes than processes were killed: a living process was declared dead. */
  wrongCrashes: number;
  /** Reconnects of watchers. */
  reconnects: number;
  /** From the end of all faults to the end of the last execution. */
  settledMs: number;
}

/** Real server processes that each have their own link to one database. They run one seed after another. */
export class World {
  /** Whether a seed left executions that did not end. Then the next seed needs another world. */
  isSpoiled = false;

  private constructor(
    private readonly databaseUrl: string,
    private readonly database: pg.Pool,
    private readonly slots: ProcessSlot[],
    private readonly counting: CountingServer,
    private readonly profile: Profile,
  ) {}

  static async open(profile: Profile): Promise<World> {
    const url = await createDatabase();
    const database = new pg.Pool({ connectionString: url, max: 2 });
    // An idle connection may end with the database, for example after a failed seed. That must not hide the failure.
    database.on('error', () => undefined);
    const counting = await CountingServer.start();
    const slots: ProcessSlot[] = [];
    for (let index = 0; index < profile.processes; index += 1)
      slots.push(await ProcessSlot.open(`process ${index}`, url, profile.settings, new SeededRandom(index)));
    return new World(url, database, slots, counting, profile);
  }

  async run(seed: number): Promise<SeedReport> {
    const began = performance.now();
    const trace: string[] = [];
    const record = (text: string) => trace.push(`${Math.round(performance.now() - began)} ms: ${text}`);
    const random = new SeededRandom(seed);
    const pathOf = (n: number) => `/${seed}/${n}`;
    const plan = makePlan(random, this.profile, (n) => this.counting.url + pathOf(n));
    this.slots.forEach((slot, index) => {
      slot.link.reseed(random.fork(`link ${index}`));
      slot.output();
    });
    const hitsBefore = this.hits();
    const exitsBefore = this.unexpectedExits().length;
    const injector = new Injector(this.slots, this.databaseUrl, random.fork('injector'), record);
    const clients = plan.executions.map((planned, n) => {
      record(
        `plans ${seed}-${n}: ${planned.workflow.name} at ${planned.at} ms ${JSON.stringify(planned.controls)}`,
      );
      return new ExecutionClient(
        `${seed}-${n}`,
        projectOf(seed),
        planned,
        this.slots,
        random.fork(`client ${n}`),
        record,
      );
    });

    const servers = random.fork('project watcher');
    const project = new ProjectWatcher('project', projectOf(seed), () => servers.pick(this.slots).url);
    await project.untilEstablished();
    const errors: string[] = [];
    const running = clients.map((client) =>
      client.run().catch((error: Error) => void errors.push(`A client failed: ${error.message}`)),
    );
    // On a slow machine the faults wait until an execution has started.
    await Promise.race([...clients.map(({ started }) => started), sleep(START_MS)]);
    await this.injectAll(plan, injector, record);
    await injector.calm();
    record('all faults have ended');
    const calmAt = performance.now();
    const late = await this.untilEnded(clients, project);
    const settledMs = Math.round(performance.now() - calmAt);
    for (const client of clients) client.end();
    await Promise.all(running);
    record(`settled after ${settledMs} ms`);

    const watchers = clients.flatMap((client) => client.watchers);
    for (const watcher of watchers) watcher.stop();
    await project.stop();
    const violations = [...errors, ...late, ...this.unexpectedExits().slice(exitsBefore)];
    if (late.length > 0) this.isSpoiled = true;
    const started = clients.flatMap((client, n) => (client.id === undefined ? [] : [{ client, n }]));
    violations.push(
      ...(await judge(this.databaseUrl, {
        executions: started.map(({ client, n }) =>
          client.expected((nodeId) => this.counting.count(`${pathOf(n)}/${nodeId}`)),
        ),
        watchers: [
          ...watchers.map(({ log }) => log),
          ...started.map(({ client }) => project.logOf(client.id!)),
        ],
        servers: this.slots.flatMap(({ url }) => url ?? []),
      })),
    );
    if (violations.length > 0)
      for (const slot of this.slots) {
        const output = slot.output().replaceAll(STACK_LINE, '').trim();
        if (output !== '') trace.push(`${slot.name} printed:\n${output.slice(-OUTPUT_SHOWN)}`);
      }
    return {
      seed,
      profile: this.profile.name,
      violations,
      trace,
      faults: count(
        plan.faults.map(({ fault }) => fault),
        hitsBefore,
        this.hits(),
      ),
      executions: started.length,
      ...(await this.costs(seed, injector.kills)),
      reconnects: [project, ...watchers].reduce((sum, { connections }) => sum + connections - 1, 0),
      settledMs,
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.close()));
    await this.counting.close();
    await this.database.end();
  }

  private async injectAll(plan: Plan, injector: Injector, record: (text: string) => void): Promise<void> {
    const began = performance.now();
    for (const { at, fault } of plan.faults) {
      await sleep(Math.max(0, at - (performance.now() - began)));
      record(`fault ${JSON.stringify(fault)}`);
      injector.inject(fault);
    }
    await sleep(Math.max(0, plan.phaseMs - (performance.now() - began)));
  }

  /** @returns a sentence for each execution and watcher that has not ended in time */
  private async untilEnded(clients: readonly ExecutionClient[], project: ProjectWatcher): Promise<string[]> {
    const deadline = performance.now() + LIMIT_MS;
    for (let polls = 0; ; polls += 1) {
      const open = await this.openExecutions();
      const ids = new Set(open.map(({ id }) => id));
      const unstarted = clients.filter(({ id }) => id === undefined);
      const watching = clients.flatMap(({ watchers }) => watchers).filter((watcher) => !watcher.hasEnded);
      const unseen = clients.filter(({ id }) => id !== undefined && !ids.has(id) && !project.hasSeenEnd(id));
      if (open.length + unstarted.length + watching.length + unseen.length === 0) return [];
      for (const client of clients) if (client.id !== undefined && !ids.has(client.id)) client.end();
      if (performance.now() > deadline && polls > LIMIT_POLLS)
        return [
          ...unstarted.map(() => `An execution could not be started in ${LIMIT_MS} ms.`),
          ...open.map(
            (row) => `Execution ${row.id} has not ended in ${LIMIT_MS} ms: ${JSON.stringify(row)}.`,
          ),
          ...watching
            .filter(({ log }) => !ids.has(log.executionId))
            .map(({ log }) => `Watcher ${log.name} has not seen the end in ${LIMIT_MS} ms.`),
          ...unseen.map(({ id }) => `The project's watcher has not seen the end of ${id} in ${LIMIT_MS} ms.`),
        ];
      const paused = clients.filter(({ id }) =>
        open.some((row) => row.id === id && row['desired_state'] === 'pause'),
      );
      await Promise.all([sleep(POLL_MS), ...paused.map((client) => client.resume())]);
    }
  }

  /** Returns the rows of open executions without their long columns. */
  private async openExecutions(): Promise<({ id: string } & Record<string, unknown>)[]> {
    const { rows } = await this.database.query<{ row: { id: string } & Record<string, unknown> }>(
      `SELECT to_jsonb(e) - 'workflow' - 'input' - 'options' AS row FROM cloutagent.executions AS e
       WHERE completed_at IS NULL ORDER BY id`,
    );
    return rows.map(({ row }) => row);
  }

  /** Counts takeovers and wrong crashes. A schema without `crash_count` has no wrong crashes. */
  private async costs(seed: number, kills: number): Promise<Pick<SeedReport, 'takeovers' | 'wrongCrashes'>> {
    const { rows } = await this.database.query<{ takeovers: number; wrong: number }>(
      `SELECT coalesce(sum(greatest(attempt - 1, 0)), 0)::int AS takeovers,
         count(*) FILTER (WHERE (to_jsonb(e) ->> 'crash_count')::int > $2)::int AS wrong
       FROM cloutagent.executions AS e WHERE project_id = $1`,
      [projectOf(seed), kills],
    );
    return { takeovers: rows[0]!.takeovers, wrongCrashes: rows[0]!.wrong };
  }

  private unexpectedExits(): string[] {
    return this.slots.flatMap(({ unexpectedExits }) => unexpectedExits);
  }

  private hits(): Record<string, number> {
    const all: Record<string, number> = {};
    for (const { link } of this.slots)
      for (const [kind, times] of Object.entries(link.hits)) all[kind] = (all[kind] ?? 0) + times;
    return all;
  }
}

/** Counts planned faults by kind, and hits on connections between two moments. */
function count(
  faults: readonly Fault[],
  before: Record<string, number>,
  after: Record<string, number>,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of faults) counts[kind] = (counts[kind] ?? 0) + 1;
  for (const [kind, times] of Object.entries(after)) {
    const more = times - (before[kind] ?? 0);
    if (more > 0) counts[`connections: ${kind}`] = more;
  }
  return counts;
}
