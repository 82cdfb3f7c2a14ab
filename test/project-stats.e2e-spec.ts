import type { Execution, ProjectStats } from '@cloutagent/contract';
import pg from 'pg';
import { createDatabase, Server } from './support/server.js';
import { graph, run, tree } from './support/trees.js';
import { agent, delay, pathOf, start, Watch } from './support/watch.js';

const HOUR_MS = 3_600_000;
const PRICES = JSON.stringify({ 'demo/echo': { input: 3, output: 15 } });

describe('GET /api/projects/:projectId/stats', () => {
  let server: Server;
  let database: pg.Client;
  beforeAll(async () => {
    const url = await createDatabase();
    server = await Server.start({ DATABASE_URL: url, MODEL_PRICES: PRICES, MAX_INTERVALS_PER_STATS: '100' });
    database = new pg.Client({ connectionString: url });
    await database.connect();
  });
  afterAll(async () => {
    await database.end();
    await server.kill('SIGTERM');
  });

  const ask = (query = '', projectId = 'demo', headers?: Record<string, string>) =>
    server.call('GET', `/api/projects/${projectId}/stats${query}`, undefined, headers);
  const stats = async (query: string): Promise<ProjectStats> => {
    const { status, body } = await ask(query);
    expect(status).toBe(200);
    return body as unknown as ProjectStats;
  };

  /** Linear interpolation between the two nearest values. */
  const percentile = (values: number[], p: number): number | null => {
    const sorted = values.toSorted((x, y) => x - y);
    if (sorted.length === 0) return null;
    const at = p * (sorted.length - 1);
    const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
    return low + (high - low) * (at - Math.floor(at));
  };
  const close = (value: number | null) => (value === null ? null : (expect.closeTo(value, 6) as number));
  const figuresOf = (executions: Execution[]) => {
    const statuses: Record<string, number> = {};
    for (const { status } of executions) statuses[status] = (statuses[status] ?? 0) + 1;
    const durations = executions.flatMap(({ duration }) => (duration === undefined ? [] : [duration]));
    const input = executions.reduce((sum, { tokenUsage }) => sum + tokenUsage.input, 0);
    const output = executions.reduce((sum, { tokenUsage }) => sum + tokenUsage.output, 0);
    const cost = close(executions.reduce((sum, { costUSD }) => sum + costUSD!, 0));
    return {
      executions: statuses,
      durationMs: { p50: close(percentile(durations, 0.5)), p95: close(percentile(durations, 0.95)) },
      tokens: { input, output },
      costUSD: cost,
      models: input + output === 0 ? {} : { 'demo/echo': { input, output, costUSD: cost } },
    };
  };

  it('has the figures that the executions have themselves', async () => {
    const quick = { chunks: 3, delayMs: 1 };
    const requests = [
      ...Array.from({ length: 6 }, (_unused, n) => start([agent('a', { chunks: n + 1, delayMs: 2 })])),
      start([agent('a', quick), agent('b', quick)], [['a', 'b']]),
      run(tree(2, 2, graph(agent('leaf', quick))), 'hello'),
      start([agent('a', { chunks: 1, failTimes: 100 })], [], { options: { maxRetries: 0 } }),
      start([delay('a', 5)]),
    ];
    const ids = await Promise.all(requests.map((request) => server.startExecution(request)));
    await Promise.all(ids.map((id) => new Watch(server.url, pathOf(id)).done()));
    ids.push(await server.startExecution(start([{ id: 'a', type: 'approval', data: { config: {} } }])));
    await new Watch(server.url, pathOf(ids.at(-1)!)).until(({ frames }) =>
      frames.some(({ type }) => type === 'execution:waiting'),
    );
    await server.startExecution(start([delay('a', 1)], [], { projectId: 'other' }));
    const base = Date.UTC(2026, 2, 10, 5);
    for (const [n, id] of ids.entries()) {
      const at = new Date(base + Math.floor(n / 3) * 7 * HOUR_MS + n * 60_000);
      await database.query('UPDATE cloutagent.executions SET created_at = $2 WHERE id = $1', [id, at]);
      await database.query('UPDATE cloutagent.list_entries SET created_at = $2 WHERE execution_id = $1', [
        id,
        at,
      ]);
      await database.query('UPDATE cloutagent.root_usage SET created_at = $2 WHERE root_id = $1', [id, at]);
    }
    const shown = await Promise.all(
      ids.map(async (id) => (await server.call('GET', `/api/executions/${id}`)).body as Execution),
    );
    expect(shown[7]!.tokenUsage.output).toBeGreaterThan(0);
    for (const [interval, size] of [
      ['hour', HOUR_MS],
      ['day', 24 * HOUR_MS],
    ] as const) {
      const from = new Date(base).toISOString();
      const to = new Date(base + 24 * HOUR_MS).toISOString();
      const found = await stats(`?interval=${interval}&from=${from}&to=${to}`);
      expect(found).toMatchObject({ projectId: 'demo', from, to, interval });
      expect(found.total).toEqual(figuresOf(shown));
      const buckets = Map.groupBy(shown, ({ createdAt }) => Math.floor(Date.parse(createdAt) / size) * size);
      expect(found.buckets).toEqual(
        [...buckets]
          .toSorted(([x], [y]) => x - y)
          .map(([at, executions]) => ({ at: new Date(at).toISOString(), ...figuresOf(executions) })),
      );
    }
    // The figures of executions that have ended are read from narrow rows, and not from their many events.
    await database.query('DELETE FROM cloutagent.events WHERE execution_id = ANY ($1)', [ids]);
    const range = `from=${new Date(base).toISOString()}&to=${new Date(base + 24 * HOUR_MS).toISOString()}`;
    expect((await stats(`?${range}`)).total).toEqual(figuresOf(shown));
  });

  it('has null for a cost that is not known', async () => {
    const { rows } = await database.query<{ id: string }>(
      `INSERT INTO cloutagent.executions (id, project_id, input, workflow, options, created_by, created_at)
       SELECT gen_random_uuid(), 'demo', '1', '{"nodes":[],"edges":[]}', '{}', 'x', '2026-01-01T01:30:00Z'
       FROM generate_series(1, 2) RETURNING id`,
    );
    const models = [
      {
        'demo/echo': { input: 1, output: 2, costUSD: 0.1 },
        __proto__x: { input: 1, output: 1, costUSD: null },
      },
      { 'demo/echo': { input: 10, output: 20, costUSD: 0.2 } },
    ];
    for (const [n, { id }] of rows.entries())
      await database.query(
        `INSERT INTO cloutagent.events VALUES ($1, 1, 'execution:cost-update', '{"modelUsage":{"old":{"input":9,"output":9,"costUSD":9}}}'),
           ($1, 2, 'execution:cost-update', $2), ($1, 3, 'execution:output', '{}')`,
        [id, JSON.stringify({ modelUsage: models[n] })],
      );
    const { total } = await stats('?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z');
    expect(total).toEqual({
      executions: { queued: 2 },
      durationMs: { p50: null, p95: null },
      tokens: { input: 12, output: 23 },
      costUSD: null,
      models: {
        'demo/echo': { input: 11, output: 22, costUSD: 0.3 },
        __proto__x: { input: 1, output: 1, costUSD: null },
      },
    });
  });

  it('is empty without executions', async () => {
    const { total, buckets } = await stats('?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z');
    expect([total.executions, total.tokens, total.costUSD, buckets]).toEqual([
      {},
      { input: 0, output: 0 },
      0,
      [],
    ]);
  });

  it('covers the last 24 hours, or the last 30 days, by default', async () => {
    for (const [query, ms] of [
      ['', 24 * HOUR_MS],
      ['?interval=day', 30 * 24 * HOUR_MS],
    ] as const) {
      const { from, to } = await stats(query);
      expect(Date.parse(to) - Date.parse(from)).toBe(ms);
    }
  });

  it.each([
    ['a range that ends before it begins', '?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z'],
    ['an empty range', '?from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z'],
    ['too many hours', '?from=2026-01-01T00:00:00Z&to=2026-01-05T04:00:01Z'],
    ['too many days', '?interval=day&from=0000-01-01T00:00:00Z'],
    ['another interval', '?interval=minute'],
    ['a date without a time', '?from=2026-01-01'],
    ['an unknown member', '?model=x'],
  ])('refuses %s', async (_what, query) => {
    const { status, body } = await ask(query);
    expect([status, body.code]).toEqual([400, 'validation_failed']);
  });

  it('hides other projects, and needs executions:read', async () => {
    const keyOf = async (projects: string[], scopes: string[]) => ({
      authorization: `Bearer ${(await server.call('POST', '/api/keys', { name: 'k', projects, scopes })).body.key}`,
    });
    const statuses = await Promise.all([
      ask('', 'demo', await keyOf(['other'], ['executions:read'])),
      ask('', 'nowhere', await keyOf(['other'], ['executions:read'])),
      ask('', 'demo', await keyOf(['demo'], ['executions:write'])),
      ask('', 'demo', await keyOf(['demo'], ['executions:read'])),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([404, 404, 403, 200]);
  });
});
