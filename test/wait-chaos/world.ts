import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { SeededRandom } from '../faults/random.ts';
import { createDatabase, Server } from '../support/server.ts';
import { Sequence, type SequenceReport } from './sequence.ts';
import { sample } from './store.ts';

const PROCESSES = 2;
const SETTINGS = {
  RATE_LIMIT_REQUESTS: '100000000',
  MAX_EXECUTIONS_PER_PROJECT: '2000',
  MAX_STREAMS_PER_PRINCIPAL: '5000',
  TRANSFORM_TIMEOUT_MS: '60000',
  RETRY_BASE_MS: '100',
  LONG_RETRY_DELAY_MS: '50',
  PARK_TIMEOUT_MS: '60',
  TIMER_POLL_INTERVAL_MS: '200',
  CANCEL_GRACE_MS: '5000',
  MAX_RECOVERIES_PER_EXECUTION: '1000',
  NO_COLOR: '1',
};

export interface ChaosOptions {
  sequences: number;
  /** The seed of the first sequence; the others follow. */
  from: number;
  /** How many trees run at the same time. */
  atOnce: number;
  /** The longest time between two kills of a process, in ms; undefined: no process is killed. */
  killEveryMs?: number | undefined;
  limitMs: number;
  settings?: Record<string, string>;
  onReport: (report: SequenceReport) => void;
  /** Once it is aborted, no further sequence begins. */
  stopped?: AbortSignal;
}

export interface ChaosTotals {
  sequences: number;
  executions: number;
  kills: number;
  /** Executions whose row the sampler has compared with the reducer. */
  compared: number;
  /** What the sampler has found, one sentence each. */
  violations: string[];
  statuses: Record<string, number>;
  /** What the servers printed, without ordinary lines. */
  output: string;
}

/** Runs random sequences of requests on two real processes, which it kills at random moments. */
export async function runChaos(options: ChaosOptions): Promise<ChaosTotals> {
  const { sequences, from, atOnce, killEveryMs, limitMs, onReport, stopped } = options;
  const url = await createDatabase();
  const database = new pg.Pool({ connectionString: url, max: 8 });
  database.on('error', () => undefined);
  const settings = { DATABASE_URL: url, ...SETTINGS, ...options.settings };
  const slots: (Server | undefined)[] = [];
  for (let index = 0; index < PROCESSES; index += 1) slots.push(await Server.start(settings));
  const totals: ChaosTotals = {
    sequences: 0,
    executions: 0,
    kills: 0,
    compared: 0,
    violations: [],
    statuses: {},
    output: '',
  };
  const servers = {
    pick: (random: SeededRandom) => {
      const up = slots.filter((slot) => slot !== undefined);
      return up.length > 0 ? random.pick(up).url : undefined;
    },
  };
  const done = new AbortController();
  const collect = (server: Server) => {
    totals.output = (totals.output + server.output()).slice(-20_000);
  };
  const killing = (async () => {
    const random = new SeededRandom(`kills ${from}`);
    while (killEveryMs !== undefined && !done.signal.aborted) {
      await sleep(random.whole(killEveryMs / 4, killEveryMs), undefined, { signal: done.signal }).catch(
        () => undefined,
      );
      if (done.signal.aborted) return;
      const index = random.whole(0, PROCESSES - 1);
      const server = slots[index]!;
      slots[index] = undefined;
      await server.kill(random.chance(0.75) ? 'SIGKILL' : 'SIGTERM');
      collect(server);
      totals.kills += 1;
      await sleep(random.pick([0, 0, 500, 1_500]));
      slots[index] = await Server.start(settings);
    }
  })();
  const sampling = (async () => {
    while (!done.signal.aborted) {
      const { compared, problems } = await sample(database);
      totals.compared += compared;
      totals.violations.push(...problems);
      await sleep(150);
    }
  })();
  let next = from;
  const work = async () => {
    while (next < from + sequences && !stopped?.aborted) {
      const seed = String(next);
      next += 1;
      const report = await new Sequence(seed, new SeededRandom(seed), database, servers, limitMs)
        .run()
        .catch((error: Error): SequenceReport => ({
          seed,
          rootId: undefined,
          violations: [`The sequence itself failed: ${error.stack}`],
          trace: [],
          status: undefined,
          executions: 0,
        }));
      totals.sequences += 1;
      totals.executions += report.executions;
      totals.statuses[report.status ?? 'none'] = (totals.statuses[report.status ?? 'none'] ?? 0) + 1;
      onReport(report);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    done.abort();
    await killing;
    await sampling;
    for (const slot of slots) {
      await slot?.kill('SIGTERM');
      if (slot) collect(slot);
    }
    await database.end();
  }
  return totals;
}
