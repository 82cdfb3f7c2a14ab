import pg from 'pg';
import { createDatabase, Server } from './support/server.js';
import { graph, run, tree } from './support/trees.js';
import { agent, delay, start, Watch } from './support/watch.js';

describe('retention', () => {
  it('deletes executions that ended long ago with all their rows, and nothing else', async () => {
    const settings = {
      DATABASE_URL: await createDatabase(),
      RETENTION_DAYS: '1',
      RETENTION_SWEEP_INTERVAL_MS: '100',
    };
    const server = await Server.start(settings);
    const path = (id: string) => `/api/executions/${id}`;
    const client = new pg.Client({ connectionString: settings.DATABASE_URL });
    await client.connect();
    const count = async (table: string, id: string) =>
      (await client.query(`SELECT 1 FROM cloutagent.${table} WHERE execution_id = $1`, [id])).rowCount;

    const old = await server.startExecution(start([{ id: 'ask', type: 'approval', data: { config: {} } }]));
    await new Watch(server.url, `${path(old)}/stream`).until((now) => now.frames.length > 1);
    await server.call('POST', `${path(old)}/approve`);
    await new Watch(server.url, `${path(old)}/stream`).done();
    await server.call('POST', `${path(old)}/stream-tickets`);
    const recent = await server.startExecution(start([delay('a', 1)]));
    await new Watch(server.url, `${path(recent)}/stream`).done();
    const live = await server.startExecution(start([agent('a', { hang: true })]));
    const watch = await new Watch(server.url, `${path(live)}/stream`).until((now) => now.frames.length > 1);
    for (const table of ['events', 'waits', 'stream_tickets'])
      expect([table, await count(table, old)]).toEqual([table, expect.any(Number)]);
    expect(await count('events', old)).toBeGreaterThan(0);

    // All of them started a month ago. One of them ended longer ago than the retention period.
    await client.query(
      `UPDATE cloutagent.executions SET created_at = now() - interval '30 days', started_at = now() - interval '30 days'`,
    );
    await client.query(
      `UPDATE cloutagent.executions SET completed_at = now() - interval '25 hours' WHERE id = $1`,
      [old],
    );
    while ((await server.call('GET', path(old))).status !== 404)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (const table of ['events', 'waits', 'stream_tickets'])
      expect([table, await count(table, old)]).toEqual([table, 0]);
    expect((await server.call('GET', path(recent))).body.status).toBe('completed');
    expect(watch.ended).toBe(false);
    await server.call('POST', `${path(live)}/cancel`);
    expect((await watch.done()).frames.at(-1)!.type).toBe('execution:cancelled');
    await client.end();
    await server.kill('SIGTERM');
  });

  it('deletes a root together with its tree, and no child alone', async () => {
    const settings = {
      DATABASE_URL: await createDatabase(),
      RETENTION_DAYS: '1',
      RETENTION_SWEEP_INTERVAL_MS: '50',
    };
    const server = await Server.start(settings);
    const client = new pg.Client({ connectionString: settings.DATABASE_URL });
    await client.connect();
    const start2 = async () => {
      const id = await server.startExecution(run(tree(2, 2, graph(delay('d', 1)))));
      await new Watch(server.url, `/api/executions/${id}/stream`).done();
      return id;
    };
    const [kept, old] = [await start2(), await start2()];
    const isOld = `UPDATE cloutagent.executions SET completed_at = now() - interval '25 hours' WHERE`;
    await client.query(`${isOld} root_id = $1`, [kept]);
    await client.query(`${isOld} root_id = $1 OR id = $1`, [old]);
    while ((await server.call('GET', `/api/executions/${old}`)).status !== 404)
      await new Promise((resolve) => setTimeout(resolve, 20));
    const { rows } = await client.query('SELECT id, root_id FROM cloutagent.executions');
    expect(rows).toHaveLength(7);
    expect(rows.every((row: { id: string; root_id: string }) => [row.id, row.root_id].includes(kept))).toBe(
      true,
    );
    const events = await client.query('SELECT DISTINCT execution_id FROM cloutagent.events');
    expect(events.rows).toHaveLength(7);
    await client.end();
    await server.kill('SIGTERM');
  });
});
