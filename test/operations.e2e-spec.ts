import type { Operation } from '@cloutagent/contract';
import pg from 'pg';
import { type Answer, createDatabase, Server } from './support/server.js';
import { graph, run, transform, tree } from './support/trees.js';
import { until } from './support/until.js';
import { agent, delay, pathOf, start, Watch } from './support/watch.js';

const IN_A_MONTH = new Date(Date.now() + 30 * 86_400_000).toISOString();

describe('operations on many executions', () => {
  let database: pg.Client;
  let url: string;
  let one: Server;
  let two: Server;
  const settings = {
    OPERATION_POLL_INTERVAL_MS: '50',
    RATE_LIMIT_REQUESTS: '1000000',
    PROCESS_RECONNECT_TIMEOUT_MS: '100',
    MAX_OPERATION_STEPS_PER_SECOND: '10000',
  };

  beforeAll(async () => {
    url = await createDatabase();
    database = new pg.Client({ connectionString: url });
    await database.connect();
    [one, two] = (await Promise.all(
      [1, 2].map(() => Server.start({ DATABASE_URL: url, ...settings, MAX_EXECUTIONS_PER_OPERATION: '500' })),
    )) as [Server, Server];
  });
  afterAll(async () => {
    await Promise.all([one.kill('SIGTERM'), two.kill('SIGTERM')]);
    await database.end();
  });

  const post = (body: unknown, headers?: Record<string, string>, server = one): Promise<Answer> =>
    server.call('POST', '/api/operations', body, headers);
  const show = async (id: string, server = one): Promise<Operation> =>
    (await server.call('GET', `/api/operations/${id}`)).body as unknown as Operation;
  const done = (id: string): Promise<Operation> =>
    until('the operation is completed', async () => {
      const shown = await show(id);
      return shown.status === 'completed' && shown;
    });
  const newKey = async (body: object): Promise<{ id: string; headers: Record<string, string> }> => {
    const answer = await one.call('POST', '/api/keys', { name: 'k', projects: ['demo'], ...body });
    return { id: answer.body.id, headers: { authorization: `Bearer ${answer.body.key}` } };
  };
  const startMany = (count: number, request: object): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, () => one.startExecution(request)));
  const inProject = (projectId: string, nodes: object[], more: object = {}) =>
    start(nodes, [], { projectId, ...more });
  const later = (projectId: string, more: object = {}) =>
    inProject(projectId, [delay('a', 1)], { startAt: IN_A_MONTH, ...more });
  const statusOf = async (id: string): Promise<string> =>
    String((await one.call('GET', `/api/executions/${id}`)).body.status);
  const failing = (projectId: string, more: object = {}) =>
    inProject(projectId, [transform('a', '$error("no")')], more);
  const allEnded = (ids: readonly string[]) =>
    Promise.all(ids.map((id) => new Watch(one.url, pathOf(id)).done(60_000)));

  it('cancels what matches when it starts, and nothing that comes later', async () => {
    const hanging = await startMany(5, inProject('c1', [agent('a', { hang: true })]));
    const queued = await startMany(20, later('c1'));
    const others = await startMany(2, later('c2'));
    const { status, headers, body } = await post({
      action: 'cancel',
      filter: { projectId: 'c1' },
      reason: 'all of them',
    });
    expect([status, body.total, headers.get('location')]).toEqual([202, 25, `/api/operations/${body.id}`]);
    const after = await one.startExecution(later('c1'));
    expect(await done(body.id)).toMatchObject({
      action: 'cancel',
      total: 25,
      succeeded: 25,
      failed: 0,
      failures: [],
      filter: { projectId: 'c1' },
      completedAt: expect.any(String) as string,
    });
    await allEnded(hanging);
    for (const id of [...hanging, ...queued]) expect(await statusOf(id)).toBe('cancelled');
    for (const id of [...others, after]) expect(await statusOf(id)).toBe('queued');
    const { frames } = await new Watch(one.url, pathOf(queued[0]!)).done();
    expect(frames.at(-1)!.data).toMatchObject({ reason: 'all of them' });
  });

  it('runs again what failed, and counts what it cannot run', async () => {
    const failed = await startMany(7, failing('r1', { tags: ['x'] }));
    const [completed] = await startMany(1, inProject('r1', [delay('a', 1)]));
    await allEnded([...failed, completed!]);
    const [open] = await startMany(1, later('r1'));
    const { body } = await post({ action: 'rerun', filter: { projectId: 'r1' } });
    const shown = await done(body.id);
    expect(shown).toMatchObject({ total: 9, succeeded: 7, failed: 2 });
    expect(new Map(shown.failures.map(({ executionId, code }) => [executionId, code]))).toEqual(
      new Map([
        [completed, 'validation_failed'],
        [open, 'execution_not_ended'],
      ]),
    );
    for (const id of failed) {
      const { body: list } = await one.call('GET', `/api/executions?rerunOf=${id}`);
      expect(list.executions).toHaveLength(1);
      expect(list.executions[0]).toMatchObject({ rerunOf: id, tags: ['x'] });
    }
  });

  it.each<[string, object, number]>([
    ['the status', { status: ['queued'] }, 3],
    ['several statuses', { status: ['queued', 'completed'] }, 4],
    ['a tag', { tag: 'blue' }, 2],
    ['a workflow', { workflow: 'compare' }, 2],
    ['a version', { workflow: 'compare@2' }, 1],
    ['another version', { workflow: 'compare@3' }, 0],
    ['a version that no column holds', { workflow: 'compare@9999999999' }, 0],
    ['a time', { createdBefore: '2020-01-02T00:00:00Z' }, 1],
    ['a range of time', { createdAfter: '2020-01-01T00:00:00Z', createdBefore: '2020-01-01T00:00:00Z' }, 0],
    ['all of them', { status: ['queued'], tag: 'blue', workflow: 'compare@2' }, 1],
  ])('selects by %s', async (_what, filter, total) => {
    await database.query(`DELETE FROM cloutagent.executions WHERE project_id = 'f1'`);
    const tagged = await startMany(2, later('f1', { tags: ['blue', 'big'] }));
    const [plain] = await startMany(1, later('f1'));
    const [ended] = await startMany(1, inProject('f1', [delay('a', 1)]));
    await allEnded([ended!]);
    for (const [table, id] of [
      ['executions', 'id'],
      ['list_entries', 'execution_id'],
    ]) {
      await database.query(
        `UPDATE cloutagent.${table} SET workflow_name = 'compare',
           workflow_version = CASE WHEN ${id} = $1 THEN 2 ELSE 1 END WHERE ${id} = ANY ($2)`,
        [tagged[0], tagged],
      );
      await database.query(`UPDATE cloutagent.${table} SET created_at = '2020-01-01' WHERE ${id} = $1`, [
        plain,
      ]);
    }
    const { status, body } = await post({ action: 'cancel', filter: { projectId: 'f1', ...filter } });
    expect([status, body.total]).toEqual([202, total]);
    await done(body.id);
  });

  it('selects executions by id, of the project and roots only', async () => {
    const root = await one.startExecution({
      ...run(tree(1, 2, graph(agent('a', { hang: true })))),
      projectId: 'i1',
    });
    const child = await until('it has children', async () => {
      const { body } = await one.call('GET', `/api/executions?parentId=${root}`);
      return body.executions[0]?.id;
    });
    const [foreign] = await startMany(1, later('i2'));
    const unknown = '01890000-0000-7000-8000-000000000000';
    const executionIds = [root, child, foreign, unknown];
    const { body } = await post({ action: 'cancel', filter: { projectId: 'i1', executionIds } });
    expect(body.total).toBe(1);
    expect(await done(body.id)).toMatchObject({ succeeded: 1 });
    await allEnded([root]);
    expect(await Promise.all([root, child, foreign!].map(statusOf))).toEqual([
      'cancelled',
      'cancelled',
      'queued',
    ]);
  });

  it.each<[string, unknown, number, string]>([
    ['no body', undefined, 400, 'validation_failed'],
    ['another action', { action: 'delete', filter: { projectId: 'demo' } }, 400, 'validation_failed'],
    ['no project', { action: 'cancel', filter: {} }, 400, 'validation_failed'],
    [
      'an unknown condition',
      { action: 'cancel', filter: { projectId: 'demo', x: 1 } },
      400,
      'validation_failed',
    ],
    [
      'an alias',
      { action: 'cancel', filter: { projectId: 'demo', workflow: 'a@prod' } },
      400,
      'validation_failed',
    ],
    [
      'a reason of a re-run',
      { action: 'rerun', reason: 'x', filter: { projectId: 'demo' } },
      400,
      'validation_failed',
    ],
    [
      'a tag with U+0000',
      { action: 'cancel', filter: { projectId: 'demo', tag: 'a\0' } },
      400,
      'validation_failed',
    ],
    [
      'a time without a zone',
      { action: 'cancel', filter: { projectId: 'demo', createdAfter: '2026-01-01' } },
      400,
      'validation_failed',
    ],
    [
      'an id that is none',
      { action: 'cancel', filter: { projectId: 'demo', executionIds: ['x'] } },
      400,
      'validation_failed',
    ],
    [
      'no ids',
      { action: 'cancel', filter: { projectId: 'demo', executionIds: [] } },
      400,
      'validation_failed',
    ],
  ])('refuses %s', async (_what, body, status, code) => {
    const answer = await post(body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('refuses a filter that selects too many', async () => {
    await database.query(
      `INSERT INTO cloutagent.executions (id, project_id, input, workflow, options, created_by)
       SELECT gen_random_uuid(), 'many', '1', '{"nodes":[],"edges":[]}', '{}', 'x' FROM generate_series(1, 501)`,
    );
    const { status, body } = await post({ action: 'cancel', filter: { projectId: 'many' } });
    expect([status, body.code]).toEqual([400, 'validation_failed']);
    expect(body.errors[0]!.message).toContain('MAX_EXECUTIONS_PER_OPERATION');
    const { rowCount } = await database.query(`SELECT FROM cloutagent.operations WHERE project_id = 'many'`);
    expect(rowCount).toBe(0);
  });

  it('needs the scope of the action, and hides operations of others', async () => {
    const [reader, writer, controller, keys, stranger] = await Promise.all([
      newKey({ scopes: ['executions:read'] }),
      newKey({ scopes: ['executions:write'] }),
      newKey({ scopes: ['executions:control'] }),
      newKey({ scopes: ['keys:manage'] }),
      newKey({ scopes: ['executions:read', 'executions:control'], projects: ['other'] }),
    ]);
    const filter = { projectId: 'demo', tag: 'none' };
    const statuses = async (action: string) =>
      Promise.all(
        [reader, writer, controller, stranger].map(async ({ headers }) => {
          const { status, body } = await post({ action, filter }, headers);
          return status === 202 ? 202 : `${status} ${body.code}`;
        }),
      );
    const refused = '403 insufficient_scope';
    expect(await statuses('cancel')).toEqual([refused, refused, 202, '404 not_found']);
    expect(await statuses('rerun')).toEqual([refused, 202, refused, refused]);
    const { body } = await post({ action: 'cancel', filter }, controller.headers);
    const seen = await Promise.all(
      [reader, writer, controller, keys, stranger].map(
        async ({ headers }) =>
          (await one.call('GET', `/api/operations/${body.id}`, undefined, headers)).status,
      ),
    );
    expect(seen).toEqual([200, 404, 200, 403, 404]);
    for (const id of ['x', '%00', '01890000-0000-7000-8000-000000000000'])
      expect((await one.call('GET', `/api/operations/${id}`)).status).toBe(404);
    const list = (headers: Record<string, string>, query = '') =>
      one.call('GET', `/api/operations${query}`, undefined, headers);
    expect((await list(stranger.headers)).body).toEqual({ operations: [], nextCursor: null });
    expect((await list(stranger.headers, '?projectId=demo')).status).toBe(404);
    expect((await list(keys.headers)).status).toBe(403);
    const actions = (answer: Answer) =>
      new Set((answer.body as unknown as { operations: Operation[] }).operations.map(({ action }) => action));
    expect(actions(await list(writer.headers))).toEqual(new Set(['rerun']));
    expect(actions(await list(reader.headers))).toEqual(new Set(['rerun', 'cancel']));
  });

  it('lists operations by page, newest first', async () => {
    const made: string[] = [];
    for (let n = 0; n < 5; n += 1)
      made.push((await post({ action: 'cancel', filter: { projectId: 'l1' } })).body.id);
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query = `?projectId=l1&limit=2${cursor ? `&cursor=${cursor}` : ''}`;
      const { body } = await two.call('GET', `/api/operations${query}`);
      const page = body as unknown as { operations: Operation[]; nextCursor: string | null };
      seen.push(...page.operations.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(made.toReversed());
  });

  it('starts once for an Idempotency-Key', async () => {
    const request = { action: 'rerun', filter: { projectId: 'k1' } };
    const headers = { 'idempotency-key': 'night-1' };
    const answers = await Promise.all([one, two, one].map((server) => post(request, headers, server)));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter((answer) => answer.headers.get('idempotency-replayed') === 'true')).toHaveLength(2);
    const other = await post({ ...request, action: 'cancel' }, headers);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
  });

  it('shows only the first 100 failures', async () => {
    await database.query(
      `INSERT INTO cloutagent.executions (id, project_id, input, workflow, options, created_by, status, completed_at)
       SELECT gen_random_uuid(), 'ff', '1', '{"nodes":[],"edges":[]}', '{}', 'x', 'completed', now()
       FROM generate_series(1, 130)`,
    );
    const { body } = await post({ action: 'cancel', filter: { projectId: 'ff' } });
    const shown = await done(body.id);
    expect([shown.failed, shown.failures.length, shown.failures[0]!.code]).toEqual([
      130,
      100,
      'execution_over',
    ]);
  });

  it('ends without acting when the key of its caller is revoked', async () => {
    const { id, headers } = await newKey({ scopes: ['executions:control'], projects: ['v1'] });
    const queued = await startMany(3, later('v1'));
    // No process works on it until the key is revoked: another one seems to have claimed it.
    const { rows } = await database.query<{ identity: string }>(
      'SELECT identity FROM cloutagent.processes LIMIT 1',
    );
    await database.query(
      `CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN NEW.claimed_by := '${rows[0]!.identity}0'; RETURN NEW; END $$;
       INSERT INTO cloutagent.processes (identity) VALUES ('${rows[0]!.identity}0');
       CREATE TRIGGER hold BEFORE INSERT ON cloutagent.operations FOR EACH ROW EXECUTE FUNCTION hold()`,
    );
    const { body } = await post({ action: 'cancel', filter: { projectId: 'v1' } }, headers);
    expect((await one.call('DELETE', `/api/keys/${id}`)).status).toBe(204);
    await database.query(
      `DROP TRIGGER hold ON cloutagent.operations; DELETE FROM cloutagent.processes WHERE identity = '${rows[0]!.identity}0'`,
    );
    const shown = await done(body.id);
    expect(shown).toMatchObject({ succeeded: 0, failed: 3 });
    expect(shown.failures[0]!.code).toBe('invalid_credentials');
    expect(await Promise.all(queued.map(statusOf))).toEqual(['queued', 'queued', 'queued']);
  });

  it('acts on each execution once, although processes are killed again and again', async () => {
    const failed = await startMany(200, failing('kill'));
    await allEnded(failed);
    const slow = { DATABASE_URL: url, ...settings, MAX_OPERATION_STEPS_PER_SECOND: '40' };
    await Promise.all([one.kill(), two.kill()]);
    let id: string | undefined;
    for (let turn = 0; turn < 3; turn += 1) {
      const doomed = await Server.start(slow);
      id ??= (await post({ action: 'rerun', filter: { projectId: 'kill' } }, {}, doomed)).body.id;
      const before = await show(id, doomed);
      expect(before.status).toBe('running');
      await until('it makes progress', async () => (await show(id!, doomed)).succeeded > before.succeeded);
      await doomed.kill();
    }
    [one, two] = (await Promise.all([1, 2].map(() => Server.start({ DATABASE_URL: url, ...settings })))) as [
      Server,
      Server,
    ];
    expect(await done(id!)).toMatchObject({ total: 200, succeeded: 200, failed: 0 });
    const { rows } = await database.query<{ reruns: number; distinct: number }>(
      `SELECT count(*)::int AS reruns, count(DISTINCT rerun_of)::int AS distinct FROM cloutagent.executions
       WHERE project_id = 'kill' AND rerun_of IS NOT NULL`,
    );
    expect(rows[0]).toEqual({ reruns: 200, distinct: 200 });
    const left = await database.query('SELECT FROM cloutagent.operation_items');
    expect(left.rowCount).toBe(0);
  });

  it('gives each operation its turn', async () => {
    await startMany(300, later('long'));
    await startMany(3, later('brief'));
    const long = await post({ action: 'cancel', filter: { projectId: 'long' } });
    const brief = await post({ action: 'cancel', filter: { projectId: 'brief' } });
    const [first, second] = await Promise.all([done(long.body.id), done(brief.body.id)]);
    expect(Date.parse(second.completedAt!)).toBeLessThanOrEqual(Date.parse(first.completedAt!));
  });

  it('is deleted with retention', async () => {
    const { body } = await post({ action: 'cancel', filter: { projectId: 'old' } });
    await done(body.id);
    await database.query(
      `UPDATE cloutagent.operations SET completed_at = now() - interval '31 days' WHERE id = $1`,
      [body.id],
    );
    const sweeper = await Server.start({ DATABASE_URL: url, RETENTION_SWEEP_INTERVAL_MS: '50' });
    await until(
      'it is deleted',
      async () => (await one.call('GET', `/api/operations/${body.id}`)).status === 404,
    );
    await sweeper.kill('SIGTERM');
  });
});
