import fc from 'fast-check';
import pg from 'pg';
import { v7 } from '../src/common/uuid.js';
import { createDatabase, Server } from './support/server.js';

interface Row {
  id: string;
  project: string;
  workflow: string | null;
  version: number | null;
  created: Date;
  parent: string | null;
  root: string | null;
  rerunOf: string | null;
  status: string;
  tags: string[];
}
interface Query {
  projectId?: string;
  workflow?: string;
  createdAfter?: string;
  createdBefore?: string;
  parentId?: string;
  rootId?: string;
  rerunOf?: string;
  status?: string;
  tag?: string;
  children?: string;
}

const EPOCH = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

describe('the filters of GET /api/executions', () => {
  let server: Server;
  let database: pg.Client;
  let rows: Row[];

  beforeAll(async () => {
    const url = await createDatabase();
    server = await Server.start({ DATABASE_URL: url, RATE_LIMIT_REQUESTS: '1000000' });
    database = new pg.Client({ connectionString: url });
    await database.connect();
    rows = [];
    for (let n = 0; n < 120; n += 1) {
      const parent = n % 5 === 4 ? rows[n - 1]! : undefined;
      rows.push({
        id: v7(),
        project: parent?.project ?? ['p', 'q'][n % 2]!,
        workflow: [null, 'a', 'a', 'b', 'a.b'][n % 5]!,
        version: [null, 1, 2, 1, 3][n % 5]!,
        // The clocks of processes differ, so ids and times have another order. Several have the same time.
        created: new Date(EPOCH + Math.floor(((n * 37) % 120) / 3) * MINUTE),
        parent: parent?.id ?? null,
        root: parent?.root ?? parent?.id ?? null,
        rerunOf: n % 7 === 6 ? rows[n - 6]!.id : null,
        status: ['completed', 'failed', 'cancelled'][n % 3]!,
        tags: [[], ['x'], ['y', 'x'], ['x', 'x']][n % 4]!,
      });
    }
    await database.query(
      `INSERT INTO cloutagent.workflows (project_id, name, newest)
       SELECT project_id, name, 3 FROM unnest('{p,q,big,other}'::text[]) AS p(project_id),
         unnest('{a,b,a.b,rare,usual}'::text[]) AS w(name)`,
    );
    for (const row of rows)
      await database.query(
        `INSERT INTO cloutagent.executions (id, project_id, input, workflow, options, created_by, workflow_name,
           workflow_version, created_at, completed_at, parent_id, parent_node_id, parent_index, root_id, rerun_of, status, tags)
         VALUES ($1, $2, '1', '{"nodes":[],"edges":[]}', '{}', 'x', $3, $4, $5, now(), $6, 'n', 0, $7, $8, $9, $10)`,
        [
          row.id,
          row.project,
          row.workflow,
          row.version,
          row.created,
          row.parent,
          row.root,
          row.rerunOf,
          row.status,
          row.tags,
        ],
      );
  });
  afterAll(async () => {
    await database.end();
    await server.kill('SIGTERM');
  });

  const ask = (query: Record<string, string>) =>
    server.call('GET', `/api/executions?${new URLSearchParams(query).toString()}`);
  const readAll = async (query: Query, limit: number): Promise<string[]> => {
    const found: string[] = [];
    for (let cursor: string | undefined; ;) {
      const { status, body } = await ask({
        ...query,
        limit: String(limit),
        ...(cursor !== undefined && { cursor }),
      });
      expect(status).toBe(200);
      found.push(...body.executions.map(({ id }: { id: string }) => id));
      if (typeof body.nextCursor !== 'string') return found;
      cursor = body.nextCursor;
    }
  };
  const expected = (query: Query): string[] => {
    const { createdAfter, createdBefore } = query;
    const [name, version] = query.workflow?.split('@') ?? [];
    const found = rows.filter(
      (row) =>
        (query.projectId === undefined || row.project === query.projectId) &&
        (name === undefined || row.workflow === name) &&
        (version === undefined || row.version === Number(version)) &&
        (createdAfter === undefined || row.created.getTime() >= Date.parse(createdAfter)) &&
        (createdBefore === undefined || row.created.getTime() < Date.parse(createdBefore)) &&
        (query.parentId === undefined || row.parent === query.parentId) &&
        (query.rootId === undefined || row.root === query.rootId) &&
        (query.rerunOf === undefined || row.rerunOf === query.rerunOf) &&
        (query.status === undefined || query.status.split(',').includes(row.status)) &&
        (query.tag === undefined || row.tags.includes(query.tag)) &&
        (query.parentId !== undefined ||
          query.rootId !== undefined ||
          query.children === 'true' ||
          row.parent === null),
    );
    return found
      .toSorted((x, y) => y.created.getTime() - x.created.getTime() || (x.id < y.id ? 1 : -1))
      .map(({ id }) => id);
  };

  it('combine with each other and with cursors', async () => {
    const time = fc.integer({ min: -2, max: 42 }).map((n) => new Date(EPOCH + n * MINUTE).toISOString());
    const id = fc.nat(119).map((n) => rows[n]!.id);
    const query = fc.record(
      {
        projectId: fc.constantFrom('p', 'q', 'none'),
        workflow: fc.constantFrom('a', 'a@1', 'a@2', 'b', 'a.b', 'a.b@3', 'c', 'a@2147483648'),
        createdAfter: time,
        createdBefore: time,
        parentId: id,
        rootId: id,
        rerunOf: id,
        status: fc.constantFrom('completed', 'failed', 'queued', 'failed,cancelled', 'failed,failed'),
        tag: fc.constantFrom('x', 'y', 'none'),
        children: fc.constantFrom('true', 'false'),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(query, fc.integer({ min: 3, max: 100 }), async (filter, limit) => {
        expect(await readAll(filter as Query, limit)).toEqual(expected(filter as Query));
      }),
      { numRuns: 150 },
    );
  });

  it.each<[string, Query]>([
    ['a workflow', { workflow: 'a' }],
    ['a version', { workflow: 'a@2', projectId: 'p' }],
    ['a time', { createdAfter: new Date(EPOCH + 10 * MINUTE).toISOString() }],
    [
      'a range',
      {
        createdAfter: new Date(EPOCH).toISOString(),
        createdBefore: new Date(EPOCH + 9 * MINUTE).toISOString(),
      },
    ],
    ['a workflow in a range', { workflow: 'a', createdBefore: new Date(EPOCH + 30 * MINUTE).toISOString() }],
  ])('select by %s, a page at a time', async (_what, query) => {
    expect(expected(query).length).toBeGreaterThan(3);
    expect(await readAll(query, 3)).toEqual(expected(query));
  });

  it('select children, trees and re-runs', async () => {
    const child = rows.find(({ parent }) => parent !== null)!;
    const again = rows.find(({ rerunOf, parent }) => rerunOf !== null && parent === null)!;
    for (const query of [{ parentId: child.parent! }, { rootId: child.root! }, { rerunOf: again.rerunOf! }]) {
      expect(expected(query)).not.toEqual([]);
      expect(await readAll(query, 5)).toEqual(expected(query));
    }
  });

  it('show the saved workflow in the summary', async () => {
    const { body } = await ask({ workflow: 'a@2', limit: '1' });
    expect(body.executions[0]).toMatchObject({ workflow: { name: 'a', version: 2 } });
  });

  it.each<[string, Record<string, string>]>([
    ['an alias', { workflow: 'a@production' }],
    ['version 0', { workflow: 'a@0' }],
    ['a version that is no number', { workflow: 'a@1e3' }],
    ['two versions', { workflow: 'a@1@2' }],
    ['an empty name', { workflow: '' }],
    ['a name with U+0000', { workflow: 'a\0' }],
    ['a date without a time', { createdAfter: '2026-01-01' }],
    ['a day that does not exist', { createdAfter: '2026-02-30T00:00:00Z' }],
    ['a time with an offset', { createdBefore: '2026-01-01T00:00:00+02:00' }],
    ['an id that is none', { rootId: 'x' }],
    ['a cursor with an id alone', { cursor: Buffer.from(v7()).toString('base64url') }],
    [
      'a cursor with SQL',
      { createdAfter: '2026-01-01T00:00:00Z', cursor: Buffer.from(`1;-- ${v7()}`).toString('base64url') },
    ],
    ['a cursor that is none', { cursor: 'AAAA' }],
  ])('refuse %s', async (_what, query) => {
    const { status, body } = await ask(query);
    expect([status, body.code]).toEqual([400, 'validation_failed']);
  });

  it.each<[string, Record<string, string>]>([
    ['the year 0', { createdAfter: '0000-01-01T00:00:00Z' }],
    ['the year 9999', { createdAfter: '9999-12-31T23:59:59Z' }],
    ['microseconds', { createdBefore: '2026-01-01T00:00:00.123456Z' }],
    [
      'a cursor of the far future',
      {
        createdAfter: '2026-01-01T00:00:00Z',
        cursor: Buffer.from(`${'9'.repeat(18)} ${v7()}`).toString('base64url'),
      },
    ],
  ])('accept %s', async (_what, query) => {
    expect((await ask(query)).status).toBe(200);
  });

  it('read no more than they need', async () => {
    await database.query(
      `INSERT INTO cloutagent.executions (id, project_id, input, workflow, options, created_by, workflow_name,
         workflow_version, created_at, completed_at, status, tags)
       SELECT gen_random_uuid(), CASE WHEN n % 100 = 0 THEN 'big' ELSE 'other' END, '1', '{"nodes":[],"edges":[]}', '{}', 'x',
         CASE WHEN n % 1000 = 0 THEN 'rare' ELSE 'usual' END, CASE WHEN n % 5000 = 0 THEN 7 ELSE 1 END,
         timestamptz '2025-01-01' + n * interval '1 minute', now(), CASE WHEN n % 500 = 0 THEN 'failed' ELSE 'completed' END,
         CASE WHEN n % 3000 = 7 THEN '{common,seldom}'::text[] WHEN n % 2 = 0 THEN '{common}' ELSE '{}' END
       FROM generate_series(1, 30000) AS n`,
    );
    await database.query(
      'VACUUM ANALYZE cloutagent.executions, cloutagent.list_entries, cloutagent.workflows',
    );
    const tables = ['executions', 'open_list_entries', 'ended_list_entries', 'workflows'];
    /** Rows that the server has read by scans of tables and their indexes. */
    const count = async () => {
      const { rows: found } = await database.query<{ n: string }>(
        `SELECT (SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables
           WHERE schemaname = 'cloutagent' AND relname = ANY ($1)) + (
           SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = 'cloutagent' AND relname = ANY ($1)) AS n`,
        [tables],
      );
      return Number(found[0]!.n);
    };
    // A connection reports its statistics when it is idle for a moment.
    const settled = async () => {
      for (let last = -1, same = 0; ;) {
        const now = await count();
        same = now === last ? same + 1 : 0;
        if (same === 8) return now;
        last = now;
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    };
    const before = await settled();
    for (const [query, found] of [
      [{}, 10],
      [{ projectId: 'big', workflow: 'rare' }, 10],
      [{ projectId: 'big', workflow: 'rare@7' }, 6],
      [{ workflow: 'rare@7' }, 6],
      [{ projectId: 'big', createdBefore: '2025-01-05T00:00:00Z' }, 10],
      [{ projectId: 'big', createdAfter: '2025-01-02T00:00:00Z', createdBefore: '2025-01-03T00:00:00Z' }, 10],
      [{ createdAfter: '2025-01-02T00:00:00Z', createdBefore: '2025-01-02T01:00:00Z' }, 10],
      [{ tag: 'seldom' }, 10],
      [{ tag: 'common', projectId: 'big' }, 10],
      [{ tag: 'seldom', projectId: 'big' }, 0],
      [{ tag: 'absent' }, 0],
      [{ status: 'failed', tag: 'common', workflow: 'usual', projectId: 'other' }, 0],
      [{ status: 'failed', tag: 'seldom' }, 0],
      [{ status: 'running' }, 0],
      [{ status: 'cancelled', projectId: 'other' }, 0],
      [{ status: 'failed', createdBefore: '2025-01-01T01:00:00Z' }, 0],
      [{ children: 'true', status: 'failed' }, 10],
    ] satisfies [Query, number][]) {
      const { body } = await ask({ ...query, limit: '10' });
      expect([query, body.executions.length]).toEqual([query, found]);
    }
    // A single list that read the executions one after the other would read more.
    expect((await settled()) - before).toBeLessThan(5_000);
  });
});
