import pg from 'pg';
import { SeededRandom } from './faults/random.ts';
import { HAS_RELEASE_BEFORE, ReleaseBefore } from './support/release-before.ts';
import { createEmptyDatabase, Server } from './support/server.js';
import { until } from './support/until.js';
import { delay, pathOf, start } from './support/watch.js';

const EXECUTIONS = 20_000;
/** Rounds of requests of each client, at least, in each part of the update. */
const ROUNDS = 3;

/** Executions that ended, each with five events. A third have tags. */
const INSERT = `
  WITH inserted AS (
    INSERT INTO cloutagent.executions (id, project_id, status, input, workflow, options, created_by, created_at, started_at,
      completed_at, tags, attempt)
    SELECT gen_random_uuid(), 'p' || n % 3, CASE WHEN n % 10 = 3 THEN 'failed' ELSE 'completed' END, to_json(n),
      '{"nodes":[{"id":"d","type":"delay","data":{"config":{"ms":1}}}],"edges":[]}', '{}', 'x', at, at, at,
      CASE WHEN n % 3 = 0 THEN '{a,b}' ELSE '{}' END::text[], 1
    FROM generate_series(1, ${EXECUTIONS}) AS n, LATERAL (SELECT now() - interval '1 day' + n * interval '1 second' AS at) AS times
    RETURNING id, status
  )
  INSERT INTO cloutagent.events (execution_id, sequence, type, data)
  SELECT id, e.sequence, e.type, '{"executionId":"' || id || '","timestamp":"2026-01-01T00:00:00.000Z",' || e.rest || '}'
  FROM inserted CROSS JOIN LATERAL (VALUES (1, 'execution:started', '"attempt":1'),
    (2, 'execution:progress', '"completedSteps":1,"totalSteps":1,"percent":100'),
    (3, 'execution:token-usage', '"usage":{"input":1,"output":2,"total":3},"nodeId":"d"'),
    (4, 'execution:custom', '"name":"n","data":1'),
    (5, 'execution:' || status, CASE status WHEN 'failed' THEN '"error":"no","code":"internal_error"' ELSE
      '"result":{"output":1,"duration":1,"tokenUsage":{"input":1,"output":2,"total":3},"costUSD":0}' END)
  ) AS e(sequence, type, rest)`;

const describeUpdate = HAS_RELEASE_BEFORE ? describe : describe.skip;
if (!HAS_RELEASE_BEFORE)
  console.warn(
    'The test of rolling updates is skipped: a shallow clone has no commit of the release before.',
  );

describeUpdate('a rolling update from the release before, under load', () => {
  let before: ReleaseBefore;
  let url: string;
  let client: pg.Client;
  let old: Server;
  let next: Server | undefined;
  let ids: string[];

  beforeAll(async () => {
    before = await ReleaseBefore.build();
    url = await createEmptyDatabase();
    old = await Server.start(settings(), before.script);
    client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(INSERT);
    ids = (await client.query<{ id: string }>('SELECT id FROM cloutagent.executions')).rows.map(
      ({ id }) => id,
    );
  }, 120_000);
  afterAll(async () => {
    await old.kill('SIGTERM');
    await next?.kill('SIGTERM');
    await client.end();
    await before.remove();
  });

  const settings = (): Record<string, string> => ({
    DATABASE_URL: url,
    RATE_LIMIT_REQUESTS: '100000000',
    JOURNAL_PACK_AFTER_MS: '0',
    JOURNAL_POLL_INTERVAL_MS: '50',
    DISPATCH_POLL_INTERVAL_MS: '200',
  });

  const text = async (server: Server, path: string): Promise<string> => {
    const answer = await server.call('GET', path);
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.text}`);
    return answer.text;
  };
  const end = (events: string): string | undefined =>
    /execution:(completed|failed|cancelled)/.exec(events)?.[1];

  /** Requests of every kind. Each must be answered, and completely. */
  async function requestAll(server: Server, random: SeededRandom): Promise<void> {
    const id = await server.startExecution(start([delay('d', 5)], [], { tags: ['new'] }));
    expect(end(await text(server, pathOf(id)))).toBe('completed');
    const asking = await server.startExecution(
      start([{ id: 'ask', type: 'approval' }, delay('d', 1)], [['ask', 'd']]),
    );
    const { status } = await until('an approval can be given', async () => {
      const answer = await server.call('POST', `/api/executions/${asking}/approve`);
      return answer.status !== 409 && answer;
    });
    expect(status).toBe(202);
    expect(end(await text(server, pathOf(asking)))).toBe('completed');
    const known = random.pick(ids);
    expect(JSON.parse(await text(server, `/api/executions/${known}`))).toMatchObject({
      id: known,
      lastSequence: 5,
    });
    expect(JSON.parse(await text(server, `/api/executions/${known}/events`))).toMatchObject({
      lastSequence: 5,
    });
    expect(end(await text(server, pathOf(known)))).toMatch(/completed|failed/);
    for (const filter of [
      'projectId=p1',
      'status=failed',
      'tag=b&projectId=p0',
      'children=true&status=completed',
    ]) {
      const list = JSON.parse(await text(server, `/api/executions?limit=20&${filter}`)) as {
        executions: unknown[];
      };
      expect(list.executions).toHaveLength(20);
    }
  }

  /** Sends requests until it is stopped. `stop` rejects if one of them was not answered as it must be. */
  function load(server: Server, seed: string): { rounds: () => number; stop: () => Promise<void> } {
    const random = new SeededRandom(seed);
    let isStopped = false;
    let rounds = 0;
    const loop = async (): Promise<void> => {
      for (; !isStopped; rounds += 1) await requestAll(server, random);
    };
    const loops = Promise.all([loop(), loop()]);
    let failure: Error | undefined;
    loops.catch((error: Error) => (failure = error));
    return {
      rounds: () => {
        if (failure) throw failure;
        return rounds;
      },
      stop: async () => {
        isStopped = true;
        await loops;
      },
    };
  }
  const segments = async () => (await client.query('SELECT FROM cloutagent.segments LIMIT 1')).rows.length;

  it('fails no request, and packs nothing before the last process of that release has stopped', async () => {
    const onOld = load(old, 'old');
    await until('the old process works', () => Promise.resolve(onOld.rounds() >= ROUNDS));
    const roundsBefore = onOld.rounds();
    next = await Server.start(settings());
    // The old process has answered all the time, also while the database was migrated.
    expect(onOld.rounds()).toBeGreaterThan(roundsBefore);
    const onNext = load(next, 'next');
    const both = onOld.rounds() + ROUNDS;
    await until('both work', () => Promise.resolve(onNext.rounds() >= ROUNDS && onOld.rounds() >= both));
    expect(await segments()).toBe(0);
    // A load balancer sends nothing more to a process before it stops it.
    await onOld.stop();
    expect(await old.kill('SIGTERM')).toBe(0);
    await until('the new process packs', async () => (await segments()) > 0);
    const alone = onNext.rounds() + ROUNDS;
    await until('the new process works alone', () => Promise.resolve(onNext.rounds() >= alone));
    await onNext.stop();
    const { rows } = await client.query<{ executions: number; entries: number }>(
      `SELECT (SELECT count(*)::int FROM cloutagent.executions) AS executions,
         (SELECT count(*)::int FROM cloutagent.list_entries WHERE tag = '') AS entries`,
    );
    expect(rows[0]!.entries).toBe(rows[0]!.executions);
    expect(rows[0]!.executions).toBeGreaterThan(EXECUTIONS + 2 * ROUNDS);
  }, 180_000);
});
