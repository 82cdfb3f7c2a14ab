import pg from 'pg';
import { until } from './support/until.js';
import { createDatabase, Server } from './support/server.js';
import { closeGate, openGate, STOP_AT_GATE } from './support/statement-gate.js';
import { agent, delay, start, Watch } from './support/watch.js';

/** Keeps each row as it was inserted. */
const RECORD_INSERTS = `
  CREATE TABLE public.inserted (id uuid, owner text, attempt int, queued boolean);
  CREATE FUNCTION public.record_insert() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO public.inserted VALUES (NEW.id, NEW.owner, NEW.attempt, NEW.runnable_at IS NOT NULL);
    RETURN NULL;
  END $$;
  CREATE TRIGGER record_insert AFTER INSERT ON cloutagent.executions FOR EACH ROW EXECUTE FUNCTION public.record_insert();
  GRANT ALL ON public.inserted TO public;`;
/** The key of the lock under which executions are claimed. */
const CLAIM_LOCK = 0x636c6169;
/** Stops every statement that has claimed an execution. */
const STOP_CLAIMS = `${STOP_AT_GATE}
  CREATE TRIGGER insert_at_gate AFTER INSERT ON cloutagent.executions
    FOR EACH STATEMENT EXECUTE FUNCTION public.stop_at_gate();
  CREATE TRIGGER claim_at_gate AFTER UPDATE OF owner ON cloutagent.executions
    FOR EACH ROW WHEN (OLD.owner IS NULL AND NEW.owner IS NOT NULL) EXECUTE FUNCTION public.stop_at_gate();`;

describe('the statement that starts executions', () => {
  let client: pg.Client;
  let servers: Server[] = [];

  const startServers = async (count: number, settings: Record<string, string> = {}): Promise<Server[]> => {
    const url = await createDatabase();
    for (let at = 0; at < count; at += 1)
      servers.push(
        await Server.start({ DATABASE_URL: url, DISPATCH_POLL_INTERVAL_MS: '60000', ...settings }),
      );
    client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(RECORD_INSERTS);
    return servers;
  };
  const inserted = async (id: string) =>
    (
      await client.query(
        'SELECT owner IS NOT NULL AS owned, attempt, queued FROM public.inserted WHERE id = $1',
        [id],
      )
    ).rows[0] as { owned: boolean; attempt: number; queued: boolean };
  const watch = (server: Server, id: string) => new Watch(server.url, `/api/executions/${id}/stream`);
  const done = async (server: Server, id: string) => (await watch(server, id).done()).frames;

  afterEach(async () => {
    await client.end();
    for (const server of servers) await server.kill();
    servers = [];
  });

  it('claims one that has a free slot, and queues one that has none', async () => {
    const [server] = (await startServers(1, { MAX_EXECUTIONS_PER_PROJECT: '1' })) as [Server];
    const first = await server.startExecution(start([agent('a', { hang: true })]));
    expect(await inserted(first)).toEqual({ owned: true, attempt: 1, queued: false });
    const second = await server.startExecution(start([delay('d', 1)]));
    expect(await inserted(second)).toEqual({ owned: false, attempt: 0, queued: true });
    // None is claimed at once while the claim runs that looks for the second one.
    const other = await until('one of another project is claimed at once', async () => {
      const id = await server.startExecution({ ...start([delay('d', 1)]), projectId: 'other' });
      return (await inserted(id)).owned && id;
    });
    expect(await inserted(other)).toEqual({ owned: true, attempt: 1, queued: false });
    expect((await done(server, other)).at(-1)!.type).toBe('execution:completed');
    await server.call('POST', `/api/executions/${first}/cancel`);
    const frames = await done(server, second);
    expect(frames[0]!.data).toMatchObject({ type: 'execution:started', attempt: 1 });
  });

  it('queues an execution that is for later, and claims the others of its batch as far as slots are free', async () => {
    const [server] = (await startServers(1, { MAX_EXECUTIONS_PER_PROJECT: '2' })) as [Server];
    const hanging = start([agent('a', { hang: true })]);
    const startAt = new Date(Date.now() + 3_600_000).toISOString();
    const executions = [{ ...hanging, startAt }, hanging, hanging, hanging];
    const { body } = await server.call('POST', '/api/executions/batch', { executions });
    const { results } = body as unknown as { results: { execution: { id: string } }[] };
    const rows: Awaited<ReturnType<typeof inserted>>[] = [];
    for (const { execution } of results) rows.push(await inserted(execution.id));
    expect(rows.map(({ owned }) => owned)).toEqual([false, true, true, false]);
    expect(rows.map(({ queued }) => queued)).toEqual([true, false, false, true]);
  });

  it('does not overtake an execution of the project that is queued', async () => {
    const [server] = (await startServers(1)) as [Server];
    const model = await server.startExecution(start([delay('d', 1)]));
    await done(server, model);
    // No notification announces it, so the server does not claim it before the next start.
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO cloutagent.executions (id, project_id, input, workflow, options, created_by, runnable_at)
       SELECT gen_random_uuid(), project_id, input, workflow, options, created_by, now() FROM cloutagent.executions
       WHERE id = $1 RETURNING id`,
      [model],
    );
    const next = await server.startExecution(start([delay('d', 1)]));
    expect(await inserted(next)).toEqual({ owned: false, attempt: 0, queued: true });
    for (const id of [rows[0]!.id, next])
      expect((await done(server, id)).at(-1)!.type).toBe('execution:completed');
  });

  it('does not wait for the claim of another process', async () => {
    const [server] = (await startServers(1)) as [Server];
    await client.query('SELECT pg_advisory_lock($1)', [CLAIM_LOCK]);
    const id = await server.startExecution(start([delay('d', 1)]));
    expect(await inserted(id)).toEqual({ owned: false, attempt: 0, queued: true });
    await client.query('SELECT pg_advisory_unlock($1)', [CLAIM_LOCK]);
    expect((await done(server, id)).at(-1)!.type).toBe('execution:completed');
  });

  /** Waits until this many statements wait for the gate, or for the statement that holds the claim lock. */
  const untilStopped = (count: number) =>
    until(`${count} statements are stopped`, async () => {
      const { rows } = await client.query(
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      return rows.length >= count;
    });

  it('counts what another process has claimed and not committed', async () => {
    const [one, other] = (await startServers(2, { MAX_EXECUTIONS_PER_PROJECT: '1' })) as [Server, Server];
    await client.query(STOP_CLAIMS);
    await closeGate(client);
    const first = one.startExecution(start([agent('a', { hang: true })]));
    await untilStopped(1);
    const second = other.startExecution(start([agent('a', { hang: true })]));
    await untilStopped(2);
    await openGate(client);
    expect(await inserted(await first)).toEqual({ owned: true, attempt: 1, queued: false });
    expect(await inserted(await second)).toEqual({ owned: false, attempt: 0, queued: true });
  });

  it('and the claim of the queue exclude each other across processes', async () => {
    const both = await startServers(2, { MAX_EXECUTIONS_PER_PROJECT: '1', DISPATCH_POLL_INTERVAL_MS: '100' });
    const model = await both[0]!.startExecution(start([delay('d', 500)]));
    await done(both[0]!, model);
    await client.query(STOP_CLAIMS);
    // The session that holds the gate does not stop at it.
    const queueSince = async (secondsAgo: number): Promise<string> => {
      const { rows } = await client.query<{ id: string }>(
        `INSERT INTO cloutagent.executions (id, project_id, input, workflow, options, created_by, runnable_at)
         SELECT gen_random_uuid(), project_id, input, workflow, options, created_by, now() - $2 * interval '1 second'
         FROM cloutagent.executions WHERE id = $1 RETURNING id`,
        [model, secondsAgo],
      );
      return rows[0]!.id;
    };
    await closeGate(client);
    const first = await queueSince(0);
    await untilStopped(1);
    // Such as an execution that a wait has woken. It comes before the one that is being claimed.
    const second = await queueSince(60);
    await untilStopped(2);
    await openGate(client);
    const spans = await Promise.all(
      [first, second].map(async (id) => {
        const times = (await done(both[0]!, id)).map(({ data }) => Date.parse(data.timestamp));
        return { from: times[0]!, to: times.at(-1)! };
      }),
    );
    const [earlier, later] = spans.toSorted((a, b) => a.from - b.from) as [
      (typeof spans)[0],
      (typeof spans)[0],
    ];
    expect(later.from).toBeGreaterThanOrEqual(earlier.to);
  });

  it('is followed by one commit for the start of the nodes and what they emit at once', async () => {
    const [server] = (await startServers(1)) as [Server];
    const commitsUntilOutput = async () => {
      const id = await server.startExecution(start([agent('a', { chunks: 3, delayMs: 0 })]));
      const { sequence } = (await done(server, id)).find(({ type }) => type === 'execution:output')!.data;
      const { rows } = await client.query<{ commits: number }>(
        'SELECT count(DISTINCT xmin::text)::int AS commits FROM cloutagent.events WHERE execution_id = $1 AND sequence <= $2',
        [id, sequence],
      );
      return rows[0]!.commits;
    };
    // The first execution loads code, and takes longer.
    await until('one commit is enough', async () => (await commitsUntilOutput()) === 1);
  });

  it('lets streams open without a query while the execution runs', async () => {
    const [server] = (await startServers(1)) as [Server];
    const id = await server.startExecution(start([agent('a', { chunks: 2, hang: true })]));
    const first = watch(server, id);
    await first.until(({ frames }) => frames.length === 3);
    await client.query('BEGIN; LOCK TABLE cloutagent.executions IN ACCESS EXCLUSIVE MODE');
    const second = watch(server, id);
    await second.until(({ frames }) => frames.length === 3);
    expect(second.established).toMatchObject({ status: 'running', lastSequence: 3 });
    await client.query('ROLLBACK');
    await server.call('POST', `/api/executions/${id}/cancel`);
    expect((await second.done()).frames).toEqual((await first.done()).frames);
  });

  it('keeps the limit of a project while two processes start executions', async () => {
    const both = await startServers(2, { MAX_EXECUTIONS_PER_PROJECT: '3' });
    const started = await Promise.all(
      Array.from({ length: 60 }, async (_unused, index) => {
        const server = both[index % 2]!;
        return done(server, await server.startExecution(start([delay('d', 20)])));
      }),
    );
    const spans = started.map((frames) => {
      expect(frames.at(-1)!.type).toBe('execution:completed');
      const times = frames.map(({ data }) => Date.parse(data.timestamp));
      return { from: times[0]!, to: times.at(-1)! };
    });
    const atOnce = spans.map(
      ({ from }) => spans.filter((span) => span.from <= from && from < span.to).length,
    );
    expect(Math.max(...atOnce)).toBeLessThanOrEqual(3);
  });
});
