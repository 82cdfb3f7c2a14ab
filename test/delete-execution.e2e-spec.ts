import pg from 'pg';
import { createDatabase, Server } from './support/server.js';
import { graph, node, run, transform, tree } from './support/trees.js';
import { until } from './support/until.js';
import { agent, delay, ids, pathOf, start, upTo, Watch } from './support/watch.js';

const PAGES = 3_000;
const TEXT_BYTES = 8_000;

describe('DELETE /api/executions/:executionId', () => {
  let database: pg.Client;
  let url: string;
  /** Two processes. The second one polls the journal often. */
  let one: Server;
  let two: Server;

  beforeAll(async () => {
    url = await createDatabase();
    database = new pg.Client({ connectionString: url });
    await database.connect();
    const settings = {
      DATABASE_URL: url,
      RATE_LIMIT_REQUESTS: '100000',
      PROCESS_RECONNECT_TIMEOUT_MS: '100',
    };
    one = await Server.start(settings);
    two = await Server.start({
      ...settings,
      JOURNAL_POLL_INTERVAL_MS: '100',
      RETENTION_SWEEP_INTERVAL_MS: '50',
    });
  });
  afterAll(async () => {
    await Promise.all([one.kill('SIGTERM'), two.kill('SIGTERM')]);
    await database.end();
  });

  const path = (id: string) => `/api/executions/${id}`;
  const remove = (id: string, server = one) => server.call('DELETE', path(id));
  const runs = async (request: object, headers?: Record<string, string>): Promise<string> => {
    const { status, body } = await one.call('POST', '/api/executions', request, headers);
    expect(status).toBe(202);
    await new Watch(one.url, pathOf(body.id)).done();
    return body.id;
  };
  const short = (more: object = {}) => start([delay('a', 1)], [], more);
  const newKey = async (body: object): Promise<Record<string, string>> => {
    const answer = await one.call('POST', '/api/keys', { name: 'k', projects: ['demo'], ...body });
    return { authorization: `Bearer ${answer.body.key}` };
  };
  /** Puts so many events before the end of an execution that no socket takes all of them at once. */
  const enlarge = async (id: string): Promise<void> => {
    const data = JSON.stringify({ executionId: id, text: 'x'.repeat(TEXT_BYTES) });
    await database.query(
      `WITH moved AS (UPDATE cloutagent.events SET sequence = sequence + $2
         WHERE execution_id = $1 AND type = 'execution:completed' RETURNING sequence)
       INSERT INTO cloutagent.events SELECT $1, moved.sequence - n, 'execution:output', $3
       FROM moved, generate_series(1, $2) AS n`,
      [id, PAGES, data],
    );
  };
  const large = async (more: object = {}): Promise<string> => {
    const id = await runs(short(more));
    await enlarge(id);
    return id;
  };
  /** The names of the tables that have an id in any column. */
  const tablesWith = async (id: string): Promise<string[]> => {
    const { rows } = await database.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'cloutagent' ORDER BY 1`,
    );
    const found: string[] = [];
    for (const { name } of rows) {
      const { rowCount } = await database.query(
        `SELECT FROM cloutagent.${name} AS t WHERE position($1 IN t::text) > 0 LIMIT 1`,
        [id],
      );
      if (rowCount) found.push(name);
    }
    return found;
  };

  it('deletes every row of the execution in every table', async () => {
    const workflow = graph(
      node('wait', 'wait', { signal: 'go' }),
      node('ask', 'approval', {}),
      transform('end', '1'),
    );
    const id = await one.startExecution(run(workflow));
    await one.call('POST', `${path(id)}/signals/go`, { n: 1 });
    await until(
      'it waits for an approval',
      async () => (await one.call('POST', `${path(id)}/approve`)).status === 202,
    );
    await new Watch(one.url, pathOf(id)).done();
    await one.call('POST', `${path(id)}/stream-tickets`);
    await database.query(
      `INSERT INTO cloutagent.subscribers (id, types) VALUES ('listener:slow', '{}') ON CONFLICT DO NOTHING`,
    );
    for (const statement of [
      `INSERT INTO cloutagent.deliveries (execution_id, subscriber, position, target, due_at)
       VALUES ($1, 'listener:slow', 0, 3, now() + interval '1 hour')`,
      `INSERT INTO cloutagent.agent_rounds VALUES ($1, 'a', 1, 's', 1, '{}')`,
      `INSERT INTO cloutagent.tool_calls VALUES ($1, 'a', 1, 0, 'i', 'n', '{}', NULL, true)`,
      `INSERT INTO cloutagent.tree_usage VALUES ($1, 'm', 1, 1)`,
      `INSERT INTO cloutagent.callbacks (hash, execution_id, node_id) VALUES ('x', $1, 'n')`,
    ])
      await database.query(statement, [id]);
    expect(await tablesWith(id)).toEqual(
      expect.arrayContaining([
        'agent_rounds',
        'callbacks',
        'deliveries',
        'events',
        'executions',
        'signals',
        'stream_tickets',
        'tool_calls',
        'tree_usage',
        'waits',
      ]),
    );
    const { status, body } = await remove(id);
    expect([status, body]).toEqual([200, { deleted: 1, reruns: [] }]);
    expect(await tablesWith(id)).toEqual([]);
    for (const [method, route] of [
      ['DELETE', ''],
      ['GET', ''],
      ['GET', '/events'],
      ['GET', '/workflow'],
      ['GET', '/stream'],
      ['POST', '/rerun'],
      ['POST', '/cancel'],
      ['POST', '/stream-tickets'],
    ] as const)
      for (const server of [one, two])
        expect([method, route, (await server.call(method, `${path(id)}${route}`)).status]).toEqual([
          method,
          route,
          404,
        ]);
    const list = await two.call('GET', '/api/executions?limit=100&children=true');
    expect(list.body.executions.map((each: { id: string }) => each.id)).not.toContain(id);
  });

  it.each([
    ['queued', start([delay('a', 1)], [], { startAt: new Date(Date.now() + 86_400_000).toISOString() }), []],
    ['running', start([agent('a', { hang: true })]), []],
    ['waiting', start([{ id: 'a', type: 'approval', data: { config: {} } }]), []],
    ['paused', start([agent('a', { hang: true })]), ['pause']],
  ])('refuses one that is %s, and deletes it after its end', async (status, request, actions) => {
    const id = await one.startExecution(request);
    const is = async (wanted: string) => (await one.call('GET', path(id))).body.status === wanted;
    if (actions.length > 0) await until('it runs', () => is('running'));
    for (const action of actions) await one.call('POST', `${path(id)}/${action}`);
    await until(`it is ${status}`, () => is(status));
    const refused = await remove(id, two);
    expect([refused.status, refused.body.code]).toEqual([409, 'execution_not_ended']);
    await one.call('POST', `${path(id)}/cancel`);
    await until('it is cancelled', () => is('cancelled'));
    expect((await remove(id, two)).status).toBe(200);
  });

  it('deletes a tree with its root, and no child alone', async () => {
    const root = await runs(run(tree(2, 3, graph(delay('d', 1)))));
    const { rows } = await database.query<{ id: string }>(
      'SELECT id FROM cloutagent.executions WHERE root_id = $1',
      [root],
    );
    expect(rows).toHaveLength(12);
    const refused = await remove(rows[0]!.id);
    expect([refused.status, refused.body.code]).toEqual([409, 'execution_has_parent']);
    expect(refused.body.detail).toContain(root);
    expect((await remove(root)).body).toEqual({ deleted: 13, reruns: [] });
    for (const { id } of rows) expect(await tablesWith(id)).toEqual([]);
  });

  it('refuses callers without the scope, and hides executions of other projects', async () => {
    const id = await runs(short());
    const writer = await newKey({ scopes: ['executions:read', 'executions:write'] });
    const stranger = await newKey({ scopes: ['executions:control'], projects: ['other'] });
    const answers = [];
    for (const headers of [writer, stranger])
      answers.push(await one.call('DELETE', path(id), undefined, headers));
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [403, 'insufficient_scope'],
      [404, 'not_found'],
    ]);
    for (const wrong of ['not-an-id', '%00', `${id}x`, '01890000-0000-7000-8000-000000000000'])
      expect([wrong, (await remove(wrong)).status]).toEqual([wrong, 404]);
    expect((await one.call('GET', path(id))).status).toBe(200);
    expect((await remove(id.toUpperCase())).status).toBe(200);
  });

  it('answers a repeated request with 409, until its key expires', async () => {
    const mine = await newKey({ scopes: ['executions:write', 'executions:control', 'executions:read'] });
    const headers = { ...mine, 'idempotency-key': 'order-1' };
    const begin = (more = headers) => one.call('POST', '/api/executions', short(), more);
    const id = await runs(short(), headers);
    expect((await begin()).body.id).toBe(id);
    const again = await one.call(
      'POST',
      `${path(id)}/rerun`,
      { from: ['a'] },
      { ...mine, 'idempotency-key': 'again' },
    );
    await new Watch(one.url, pathOf(again.body.id)).done();
    for (const each of [id, again.body.id]) expect((await remove(each)).status).toBe(200);
    const refused = await begin();
    expect([refused.status, refused.body.code]).toEqual([409, 'execution_deleted']);
    // Others may use the same key.
    expect((await begin({ 'idempotency-key': 'order-1' })).status).toBe(202);
    const { rows } = await database.query<Record<string, unknown>>(
      'SELECT * FROM cloutagent.deleted_requests',
    );
    expect(rows).toHaveLength(2);
    expect(JSON.stringify(rows)).not.toContain('order-1');
    await database.query('UPDATE cloutagent.deleted_requests SET expires_at = now()');
    await until('the key has expired', async () => (await begin()).status === 202);
  });

  it('names the re-runs that hold copies, also those of re-runs', async () => {
    const id = await runs(start([delay('a', 1), delay('b', 1)], [['a', 'b']]));
    const first = await one.call('POST', `${path(id)}/rerun`, { from: ['b'] });
    await new Watch(one.url, pathOf(first.body.id)).done();
    const second = await one.call('POST', `${path(first.body.id)}/rerun`, { from: ['b'] });
    await new Watch(one.url, pathOf(second.body.id)).done();
    const { body } = await remove(id);
    expect(body).toEqual({ deleted: 1, reruns: [first.body.id, second.body.id] });
    expect((await one.call('GET', path(first.body.id))).body.steps[0]!.reusedFrom).toBe(id);
  });

  it('lets a re-run that is made at the same time copy everything or nothing', async () => {
    const counts = { made: 0, refused: 0 };
    for (let turn = 0; turn < 30; turn += 1) {
      const id = await runs(start([delay('a', 1), delay('b', 1)], [['a', 'b']]));
      const [deleted, rerun] = await Promise.all([
        remove(id),
        two.call('POST', `${path(id)}/rerun`, { from: ['b'] }),
      ]);
      expect(deleted.status).toBe(200);
      if (rerun.status === 404) {
        counts.refused += 1;
        expect(deleted.body.reruns).toEqual([]);
        continue;
      }
      counts.made += 1;
      expect([rerun.status, deleted.body.reruns]).toEqual([202, [rerun.body.id]]);
      const watch = await new Watch(two.url, pathOf(rerun.body.id)).done();
      const steps = (await two.call('GET', path(rerun.body.id))).body.steps;
      expect([steps[0]!.reusedFrom, watch.frames.at(-1)!.type]).toEqual([id, 'execution:completed']);
    }
    expect(counts.made + counts.refused).toBe(30);
  });

  it('deletes once when two processes are asked at once', async () => {
    for (let turn = 0; turn < 10; turn += 1) {
      const id = await runs(run(tree(1, 5, graph(delay('d', 1)))));
      const answers = await Promise.all([remove(id, one), remove(id, two), remove(id, one)]);
      expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['200', '404', '404']);
    }
  });

  it('gets along with the retention sweep', async () => {
    const roots: string[] = [];
    for (let n = 0; n < 20; n += 1) roots.push(await runs(run(tree(1, 3, graph(delay('d', 1))))));
    await database.query(
      `UPDATE cloutagent.executions SET completed_at = now() - interval '40 days'
       WHERE id = ANY ($1::uuid[]) OR root_id = ANY ($1::uuid[])`,
      [roots],
    );
    const answers = await Promise.all(roots.map((id) => remove(id)));
    expect(answers.every(({ status }) => status === 200 || status === 404)).toBe(true);
    await until('all are gone', async () => {
      const { rowCount } = await database.query(
        'SELECT FROM cloutagent.executions WHERE id = ANY ($1::uuid[]) OR root_id = ANY ($1::uuid[])',
        [roots],
      );
      return rowCount === 0;
    });
    expect(two.output()).not.toContain('could not be deleted');
  });

  it.each(['the same process', 'another process'])(
    'ends a stream of %s that has not sent all',
    async (which) => {
      const server = which === 'the same process' ? one : two;
      const id = await large();
      const watch = new Watch(server.url, pathOf(id), {}, true);
      await until('it is open', () => Promise.resolve(watch.status === 200));
      expect((await remove(id)).status).toBe(200);
      watch.read();
      await watch.done();
      expect(watch.frames.length).toBeLessThan(PAGES);
      expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
      const again = await server.call('GET', pathOf(id), undefined, {
        'last-event-id': String(watch.frames.length),
      });
      expect(again.status).toBe(404);
    },
  );

  it('ends a stream although the notification was lost', async () => {
    const id = await large();
    const watch = new Watch(two.url, pathOf(id), {}, true);
    await until('it is open', () => Promise.resolve(watch.status === 200));
    await database.query(
      `WITH gone AS (DELETE FROM cloutagent.executions WHERE id = $1)
       DELETE FROM cloutagent.events WHERE execution_id = $1`,
      [id],
    );
    watch.read();
    await watch.done();
    expect(watch.frames.length).toBeLessThan(PAGES);
    expect(watch.endsWithRetry || watch.frames.length > 0).toBe(true);
    expect(watch.frames.some(({ type }) => type === 'execution:completed')).toBe(false);
  });

  it('ends a filtered stream without an end that it did not send', async () => {
    const id = await large();
    const watch = new Watch(two.url, `${pathOf(id)}?types=execution:output`, {}, true);
    await until('it is open', () => Promise.resolve(watch.status === 200));
    expect((await remove(id)).status).toBe(200);
    watch.read();
    await watch.done();
    expect(watch.frames.length).toBeLessThan(PAGES);
    expect((await two.call('GET', pathOf(id))).status).toBe(404);
  });

  it('takes it off a stream of many executions, which goes through to the end of the others', async () => {
    const id = await large();
    const other = await one.startExecution(start([agent('a', { hang: true })]));
    const watch = new Watch(two.url, `/api/executions/stream?executionIds=${id},${other}`, {}, true);
    await until('it is open', () => Promise.resolve(watch.status === 200));
    expect((await remove(id)).status).toBe(200);
    watch.read();
    await watch.until(({ frames }) => frames.some(({ data }) => data.executionId === other));
    await one.call('POST', `${path(other)}/cancel`);
    await watch.done();
    const of = (executionId: string) =>
      watch.frames.filter(({ data }) => data.executionId === executionId).map(({ data }) => data.sequence);
    expect(of(id).length).toBeLessThan(PAGES);
    expect(of(id)).toEqual(upTo(of(id).length));
    const { lastSequence } = (await two.call('GET', path(other))).body;
    expect(of(other)).toEqual(upTo(lastSequence));
  });

  it('does not break the cursor of a stream by filter', async () => {
    const tags = ['cursor'];
    const gone = await one.startExecution(start([agent('a', { hang: true })], [], { tags }));
    const filter = '/api/executions/stream?tag=cursor';
    const first = await new Watch(two.url, filter).until(({ frames }) => frames.length > 1);
    const { cursor } = first.frames.at(-1)!;
    first.close();
    await one.call('POST', `${path(gone)}/cancel`);
    await until('it has ended', async () => (await remove(gone)).status === 200);
    const next = await one.startExecution(start([delay('a', 1)], [], { tags }));
    const second = await new Watch(two.url, filter, { 'last-event-id': cursor }).until(({ frames }) =>
      frames.some(({ type }) => type === 'execution:completed'),
    );
    expect(new Set(second.frames.map(({ data }) => data.executionId))).toEqual(new Set([next]));
    second.close();
  });

  it('ends a stream over a tree with the root', async () => {
    const root = await runs(run(tree(1, 2, graph(delay('d', 1)))));
    await enlarge(root);
    const watch = new Watch(two.url, `/api/executions/stream?rootId=${root}`, {}, true);
    await until('it is open', () => Promise.resolve(watch.status === 200));
    expect((await remove(root)).body.deleted).toBe(3);
    watch.read();
    await watch.done();
    expect(watch.frames.length).toBeLessThan(PAGES);
    expect((await two.call('GET', `/api/executions/stream?rootId=${root}`)).status).toBe(404);
  });

  it('deletes all or nothing when its process is killed', async () => {
    const doomed = await Server.start({ DATABASE_URL: url });
    const trees = await Promise.all([1, 2, 3].map(() => runs(run(tree(1, 20, graph(delay('d', 1)))))));
    const answers = Promise.allSettled(trees.map((id) => remove(id, doomed)));
    await doomed.kill();
    await answers;
    for (const id of trees)
      await until('its transaction has ended', async () => {
        const { status } = await one.call('GET', path(id));
        const { rows } = await database.query<{ rows: number; events: number }>(
          `WITH tree AS (SELECT id FROM cloutagent.executions WHERE id = $1 OR root_id = $1)
           SELECT (SELECT count(*)::int FROM tree) AS rows,
             (SELECT count(DISTINCT execution_id)::int FROM cloutagent.events WHERE execution_id IN (SELECT id FROM tree))
               AS events`,
          [id],
        );
        return status === 404
          ? rows[0]!.rows === 0 && (await remove(id)).status === 404
          : rows[0]!.rows === 21 && rows[0]!.events === 21;
      });
    const orphans = await database.query(
      'SELECT FROM cloutagent.events AS e WHERE NOT EXISTS (SELECT FROM cloutagent.executions WHERE id = e.execution_id)',
    );
    expect(orphans.rowCount).toBe(0);
  });
});
