import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';

const IDLE_MS = 5_000;
const TICKS_PER_SECOND = 100;

/**
 * Measures the load of idle processes. An endless loop shows here.
 * @returns transactions a second, and the CPU use of all processes together in percent of one core
 */
export async function measureIdle(
  cluster: Cluster,
  pids: readonly (number | undefined)[],
): Promise<{ idleQueries: number; idleCpu: number }> {
  const before = { queries: await transactions(cluster), cpu: await cpuSeconds(pids) };
  await sleep(IDLE_MS);
  const after = { queries: await transactions(cluster), cpu: await cpuSeconds(pids) };
  const seconds = IDLE_MS / 1000;
  return {
    idleQueries: Math.round((after.queries - before.queries) / seconds),
    idleCpu: Math.round((100 * (after.cpu - before.cpu)) / seconds),
  };
}

async function transactions(cluster: Cluster): Promise<number> {
  const [row] = await cluster.rows<{ count: string }>(
    `SELECT xact_commit + xact_rollback AS count FROM pg_stat_database WHERE datname = current_database()`,
  );
  return Number(row!.count);
}

/** Returns user and system time (proc(5), fields 14 and 15); 0 on systems without /proc. */
async function cpuSeconds(pids: readonly (number | undefined)[]): Promise<number> {
  let ticks = 0;
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks / TICKS_PER_SECOND;
}
