import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from './cluster.ts';
import type { Scenario } from './scenario.ts';
import { waiting } from './workload.ts';
import { World } from './world.ts';

const DAYS = 64;
const WAIT_LIMIT_MS = 90_000;
/** Every sweep and every poll runs at least once in this time. */
const ROUNDS_MS = 15_000;
const END_LIMIT_MS = 120_000;

/** Moves all stored times of executions that wait for a person back by 64 days. Then the person answers. */
export const longWait: Scenario = async (context) => {
  const cluster = await Cluster.create();
  const { executions, script, logProgress } = context;
  const answers = Promise.withResolvers<void>();
  // Without packing, the rows of chunks are JSON, in which SQL can move the times.
  const settings = { RETENTION_SWEEP_INTERVAL_MS: '2000', JOURNAL_PACK_EVENTS_PER_SECOND: '0' };
  const world = await World.open({
    cluster,
    plan: waiting,
    executions,
    script,
    settings,
    waits: answers.promise,
  });
  try {
    await world.start(executions);
    const deadline = Date.now() + WAIT_LIMIT_MS;
    while ((await waitingNow(cluster)) < executions && Date.now() < deadline) await sleep(250);
    logProgress(`${await waitingNow(cluster)} of ${executions} executions wait`);
    await age(cluster);
    for (const follower of world.followers)
      follower.rewrite((frame) => ({ ...frame, data: older(frame.data) }));
    await sleep(ROUNDS_MS);
    // Within 64 days a process is restarted at least once.
    await world.replace(1);
    await sleep(ROUNDS_MS);
    world.ended();
    answers.resolve();
    return await world.judge(END_LIMIT_MS);
  } finally {
    await world.keepOutput(context.keep);
    await world.close();
    await cluster.remove();
  }
};

async function waitingNow(cluster: Cluster): Promise<number> {
  const rows = await cluster.rows(
    `SELECT FROM cloutagent.executions AS e WHERE status = 'paused' OR EXISTS (
       SELECT FROM cloutagent.events WHERE execution_id = e.id AND type = 'execution:step' AND data LIKE '%"nodeId":"ask"%'
     )`,
  );
  return rows.length;
}

/**
 * Moves back every stored time of the executions, in columns and in events. Heartbeats are left out, because a live owner
 * renews them.
 */
async function age(cluster: Cluster): Promise<void> {
  const columns = await cluster.rows<{ schema: string; table: string; column: string; key: string }>(
    `SELECT c.table_schema AS schema, c.table_name AS table, c.column_name AS column,
       CASE c.table_name WHEN 'approvals' THEN 'execution_id' ELSE 'id' END AS key
     FROM information_schema.columns AS c JOIN information_schema.tables USING (table_schema, table_name)
     WHERE table_type = 'BASE TABLE' AND data_type = 'timestamp with time zone' AND is_generated = 'NEVER'
       AND column_name <> 'heartbeat_on'
       AND (table_schema, table_name) IN (('cloutagent', 'executions'), ('cloutagent', 'approvals'), ('pgboss', 'job'))`,
  );
  for (const { schema, table, column, key } of columns)
    await cluster.rows(
      `UPDATE ${schema}.${table} SET ${column} = ${column} - interval '${DAYS} days'
       WHERE ${column} IS NOT NULL AND ${key} IN (SELECT id FROM cloutagent.executions WHERE completed_at IS NULL)`,
    );
  await cluster.rows(
    `UPDATE cloutagent.events SET data = replace(data, data::json->>'timestamp', to_char(
       ((data::json->>'timestamp')::timestamptz - interval '${DAYS} days') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`,
  );
}

/** Returns the frame's data with the new time of its stored event. */
function older(data: string): string {
  const { timestamp } = JSON.parse(data) as { timestamp: string };
  const moved = new Date(Date.parse(timestamp) - DAYS * 86_400_000).toISOString();
  return data.replaceAll(timestamp, moved);
}
