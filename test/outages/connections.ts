import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Cluster } from './cluster.ts';

const REFILL_MS = 20;

/** Cuts the connections of all processes that have one of these application names. */
export async function cutConnections(cluster: Cluster, names: readonly string[]): Promise<void> {
  await cluster.rows(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ANY ($1)',
    [names],
  );
}

/** Cuts the connections of the processes once, then takes every free connection, the reserved ones too. */
export async function exhaustConnections(cluster: Cluster, ms: number): Promise<void> {
  const taken: pg.Client[] = [];
  await cluster.withClient(async (control) => {
    await control.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'cloutagent-%'`,
    );
    for (const end = Date.now() + ms; Date.now() < end;) {
      const client = new pg.Client({ connectionString: cluster.url, application_name: 'outages' });
      client.on('error', () => undefined);
      const isConnected = await client.connect().then(
        () => true,
        () => false,
      );
      if (isConnected) taken.push(client);
      else await sleep(REFILL_MS);
    }
  });
  await Promise.all(taken.map((client) => client.end().catch(() => undefined)));
}
