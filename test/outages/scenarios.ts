import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from './cluster.ts';
import { exhaustConnections, cutConnections } from './connections.ts';
import { failover } from './failover.ts';
import type { Scenario, ScenarioContext } from './scenario.ts';
import { SmallDisk } from './small-disk.ts';
import { longWait } from './long-wait.ts';
import { mixed } from './workload.ts';
import { World } from './world.ts';

const END_LIMIT_MS = 120_000;

interface Setting {
  /** About how long the outages take, in ms. Executions are started during this time. */
  phaseMs: number;
  cluster?: () => Promise<Cluster>;
  settings?: Record<string, string>;
}

/** Creates a scenario that runs mixed executions while `outages` disturbs the database. */
const underOutages =
  (
    { phaseMs, cluster: makeCluster = () => Cluster.create(), settings }: Setting,
    outages: (world: World, context: ScenarioContext) => Promise<void>,
  ): Scenario =>
  async (context) => {
    const cluster = await makeCluster();
    const { executions, script } = context;
    const world = await World.open({ cluster, plan: mixed, executions, script, settings });
    try {
      await world.during(phaseMs, () => outages(world, context));
      context.logProgress('the outages have ended');
      return await world.judge(END_LIMIT_MS);
    } finally {
      await world.keepOutput(context.keep);
      await world.close();
      await cluster.remove();
    }
  };

/** Repeats `work` at equal intervals. */
async function repeat(times: number, everyMs: number, work: () => Promise<void>): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    const began = Date.now();
    await work();
    await sleep(Math.max(0, everyMs - (Date.now() - began)));
  }
}

const restarts = (times: number, everyMs: number): Scenario =>
  underOutages({ phaseMs: times * everyMs }, ({ cluster }) =>
    repeat(times, everyMs, async () => {
      await cluster.stop('fast');
      await cluster.start();
    }),
  );

const listenCuts = (times: number): Scenario =>
  underOutages({ phaseMs: times * 1_000 }, ({ cluster }) =>
    repeat(times, 1_000, () => cutConnections(cluster, ['cloutagent-listener'])),
  );

const LOCK_MS = 20_000;
const tableLock =
  (table: string, settings: Record<string, string> = {}): Scenario =>
  async (context) => {
    let exists = true;
    const lock = underOutages({ phaseMs: LOCK_MS, settings }, ({ cluster }) =>
      cluster.withClient(async (client) => {
        const { rows } = await client.query<{ found: boolean }>(
          'SELECT to_regclass($1) IS NOT NULL AS found',
          [`cloutagent.${table}`],
        );
        exists = rows[0]!.found;
        if (!exists) return;
        await client.query(`BEGIN; LOCK TABLE cloutagent.${table} IN ACCESS EXCLUSIVE MODE`);
        await sleep(LOCK_MS);
        await client.query('ROLLBACK');
      }),
    );
    const found = await lock({ ...context });
    return exists ? found : `this schema has no table ${table}`;
  };

const standstill = (ms: number): Scenario =>
  underOutages({ phaseMs: ms }, async ({ servers }) => {
    servers[0]!.process.kill('SIGSTOP');
    await sleep(ms);
    servers[0]!.process.kill('SIGCONT');
  });

const FULL_MS = 16_000;
const LOG_ELSEWHERE = { log: 'elsewhere' } as const;
/** The log files are so small that PostgreSQL needs a new one all the time. */
const FREQUENT_LOG = { segmentMegabytes: 1, settings: { min_wal_size: '2MB', max_wal_size: '8MB' } };
/** @param withLog whether the write-ahead log is on the full disk too, which stops PostgreSQL */
const fullDisk =
  (withLog: boolean): Scenario =>
  async (context) => {
    const disk = await SmallDisk.mount(128);
    if (!disk) return 'this process may not mount a small disk';
    try {
      const cluster = () =>
        Cluster.create({ data: `${disk.folder}/data`, ...(withLog ? FREQUENT_LOG : LOG_ELSEWHERE) });
      return await underOutages({ phaseMs: FULL_MS, cluster }, async (world) => {
        await disk.fill(FULL_MS);
        // PostgreSQL exits when it cannot write its log. An operator would start it again.
        if (!world.cluster.isRunning) await world.cluster.start();
      })(context);
    } finally {
      await disk.unmount();
    }
  };

const EXHAUSTED_MS = 45_000;

/** All scenarios by name, in the order in which they run. */
export const SCENARIOS: Record<string, Scenario> = {
  calm: underOutages({ phaseMs: 10_000 }, () => sleep(10_000)),
  'restarts-8': restarts(8, 5_000),
  'restarts-50': restarts(50, 2_500),
  'listen-cuts-14': listenCuts(14),
  'listen-cuts-50': listenCuts(50),
  'connections-exhausted': underOutages(
    {
      phaseMs: EXHAUSTED_MS,
      cluster: () => Cluster.create({ settings: { max_connections: '40' } }),
    },
    ({ cluster }) => exhaustConnections(cluster, EXHAUSTED_MS),
  ),
  'disk-full': fullDisk(false),
  'disk-full-log': fullDisk(true),
  'lock-events': tableLock('events'),
  'lock-executions': tableLock('executions'),
  'lock-approvals': tableLock('approvals'),
  'lock-processes': tableLock('processes'),
  // The processes give up queries that PostgreSQL still holds and may execute later.
  'lock-events-timeout': tableLock('events', { DATABASE_QUERY_TIMEOUT_MS: '4000' }),
  'lock-executions-timeout': tableLock('executions', { DATABASE_QUERY_TIMEOUT_MS: '4000' }),
  'standstill-15': standstill(15_000),
  'standstill-40': standstill(40_000),
  'wait-64-days': longWait,
  failover,
};
