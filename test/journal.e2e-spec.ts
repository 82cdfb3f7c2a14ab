import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { RecordedEvent } from '../src/events/recorded-event.js';
import { LostTailError, SequenceTakenError, StaleOwnerError } from '../src/journal/append-errors.js';
import { encodeEvent } from '../src/events/encode-event.js';
import { JournalReader } from '../src/journal/journal-reader.js';
import { openJournal } from './support/open-journal.js';
import { createDatabase } from './support/server.js';
import { upTo } from './support/watch.js';

describe('the journal on a real database', () => {
  let opened: Awaited<ReturnType<typeof openJournal>>;
  let url: string;
  /** Reads pg_stat_activity. Not in a transaction, which would keep the view of its first query. */
  let observer: pg.Client;
  beforeAll(async () => {
    url = await createDatabase();
    observer = new pg.Client({ connectionString: url });
    await observer.connect();
    opened = await openJournal(url, { MAX_EVENTS_PER_FLUSH: '200', MAX_FLUSHES_PER_PROCESS: '3' });
  });
  afterAll(() => Promise.all([opened.close(), observer.end()]));

  const draft = (id: string, sequence: number): RecordedEvent =>
    encodeEvent(id, sequence, { type: 'execution:output', fields: { chunk: 'x', stepId: 's', nodeId: 'n' } });
  const end = (id: string, sequence: number): RecordedEvent =>
    encodeEvent(id, sequence, { type: 'execution:cancelled', fields: {} });
  const append = (id: string, events: RecordedEvent[], attempt = 1) =>
    opened.journal.append({ executionId: id, attempt }, events);
  const finish = (id: string, sequence: number, attempt = 1) =>
    opened.journal.append({ executionId: id, attempt }, [end(id, sequence)], { status: 'cancelled' });
  const stored = async (id: string): Promise<number[]> =>
    (await new JournalReader(opened.database).read(id, 0, { limit: 10_000, bytes: 1e9 })).map(
      (row) => row.sequence,
    );
  const own = (count: number) => Promise.all(Array.from({ length: count }, () => opened.own()));
  const change = (id: string, set: string) =>
    opened.database.pool.query(`UPDATE cloutagent.executions SET ${set} WHERE id = $1`, [id]);

  it('publishes the events of each execution in order and after their commit, with concurrent flushes', async () => {
    const executions = await own(300);
    const published = new Map<string, number[]>();
    const checks: Promise<boolean>[] = [];
    for (const id of executions) {
      published.set(id, []);
      opened.bus.ofExecution(id).subscribe((events) => {
        for (const { sequence } of events) published.get(id)!.push(sequence);
        const last = events.at(-1)!.sequence;
        if (Math.random() < 0.05) checks.push(stored(id).then((rows) => rows.includes(last)));
      });
    }
    await Promise.all(
      executions.map(async (id, index) => {
        let sequence = 0;
        for (let round = 0; round < 10; round += 1) {
          const appends = Array.from({ length: 1 + (index % 4) }, () => {
            const events = Array.from({ length: 1 + (round % 3) }, () => draft(id, ++sequence));
            return append(id, events);
          });
          await (index % 2 === 0 ? Promise.all(appends) : appends.at(-1));
        }
        expect(published.get(id)).toEqual(upTo(sequence));
        expect(await stored(id)).toEqual(upTo(sequence));
      }),
    );
    expect(checks.length).toBeGreaterThan(50);
    expect((await Promise.all(checks)).every(Boolean)).toBe(true);
  });

  it('refuses only the events of a stale owner and commits the others of the same batch', async () => {
    const [stale = '', ...others] = await own(50);
    await append(stale, [draft(stale, 1)]);
    const published: number[] = [];
    opened.bus
      .ofExecution(stale)
      .subscribe((events) => published.push(...events.map(({ sequence }) => sequence)));
    // The next claim does the same.
    await change(stale, 'attempt = 2');
    const results = await Promise.allSettled([
      ...others.map((id) => append(id, [draft(id, 1)])),
      append(stale, [draft(stale, 2), draft(stale, 3)]),
      append(stale, [draft(stale, 4)]),
    ]);
    const failed = results.filter((result) => result.status === 'rejected');
    expect(failed.map(({ reason }) => reason as unknown)).toEqual([
      expect.any(StaleOwnerError),
      expect.any(StaleOwnerError),
    ]);
    expect(await Promise.all(others.map(stored))).toEqual(others.map(() => [1]));
    expect([await stored(stale), published]).toEqual([[1], []]);
    // The new claim continues.
    await append(stale, [draft(stale, 2)], 2);
    expect(await stored(stale)).toEqual([1, 2]);
  });

  it.each([
    ['another process owns the execution', "owner = '1'"],
    ['no process owns the execution', 'owner = NULL'],
    ['a newer claim owns the execution', 'attempt = 2'],
    ['the execution has ended', 'completed_at = now()'],
  ])('records neither an event nor an end when %s', async (_case, set) => {
    const [id = ''] = await own(1);
    await append(id, [draft(id, 1)]);
    await change(id, set);
    await expect(append(id, [draft(id, 2)])).rejects.toBeInstanceOf(StaleOwnerError);
    await expect(finish(id, 2)).rejects.toBeInstanceOf(StaleOwnerError);
    expect(await stored(id)).toEqual([1]);
    const { rows } = await opened.database.pool.query(
      'SELECT status FROM cloutagent.executions WHERE id = $1',
      [id],
    );
    expect(rows).toEqual([{ status: 'running' }]);
  });

  it('decides an end by the newest version of the row, not by the version that it has read first', async () => {
    const [id = ''] = await own(1);
    await append(id, [draft(id, 1)]);
    const taker = new pg.Client({ connectionString: url });
    await taker.connect();
    await taker.query('BEGIN');
    await taker.query('UPDATE cloutagent.executions SET attempt = 2 WHERE id = $1', [id]);
    const ended = finish(id, 2).catch((error: unknown) => error);
    const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    while ((await observer.query(waiting)).rowCount === 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await taker.query('COMMIT');
    await taker.end();
    expect(await ended).toBeInstanceOf(StaleOwnerError);
    expect(await stored(id)).toEqual([1]);
  });

  it('ends an execution once and refuses later events', async () => {
    const [id = ''] = await own(1);
    await append(id, [draft(id, 1)]);
    const results = await Promise.allSettled([finish(id, 2), append(id, [draft(id, 3)])]);
    expect(results[0].status).toBe('fulfilled');
    await expect(append(id, [draft(id, 4)])).rejects.toBeInstanceOf(StaleOwnerError);
    const { rows } = await opened.database.pool.query(
      'SELECT status, owner, completed_at IS NOT NULL AS ended FROM cloutagent.executions WHERE id = $1',
      [id],
    );
    expect(rows).toEqual([{ status: 'cancelled', owner: null, ended: true }]);
  });

  it('refuses events that would leave a hole after the database has lost events', async () => {
    const [id = ''] = await own(1);
    await append(id, [draft(id, 1), draft(id, 2), draft(id, 3)]);
    await opened.database.pool.query(
      'DELETE FROM cloutagent.events WHERE execution_id = $1 AND sequence = 3',
      [id],
    );
    await expect(append(id, [draft(id, 4)])).rejects.toBeInstanceOf(LostTailError);
    await expect(finish(id, 4)).rejects.toBeInstanceOf(LostTailError);
    expect(await stored(id)).toEqual([1, 2]);
  });

  it('checks for lost events only on the first append over a new connection', async () => {
    const claim = { executionId: await opened.own(), attempt: 1 };
    const next = (sequence: number) => opened.journal.append(claim, [draft(claim.executionId, sequence)]);
    // Repeat until the claim has used each connection of the pool.
    for (let sequence = 1; sequence <= 20; sequence += 1) await next(sequence);
    const lose = 'DELETE FROM cloutagent.events WHERE execution_id = $1 AND sequence > $2';
    await observer.query(lose, [claim.executionId, 19]);
    await next(21);
    await observer.query(lose, [claim.executionId, 18]);
    await observer.query(
      `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
       WHERE application_name = 'cloutagent-executions' AND datname = current_database()`,
    );
    await expect(next(22)).rejects.toBeInstanceOf(LostTailError);
    expect(await stored(claim.executionId)).toEqual(upTo(18));
  });

  it('reports a taken sequence as SequenceTakenError while it owns the execution', async () => {
    const [id = ''] = await own(1);
    await append(id, [draft(id, 1)]);
    await expect(append(id, [draft(id, 1)])).rejects.toBeInstanceOf(SequenceTakenError);
    expect(await stored(id)).toEqual([1]);
  });

  describe('a statement whose answer is lost', () => {
    const waiting = `FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%INTO cloutagent.events%'
      AND datname = current_database() AND pid <> pg_backend_pid()`;
    let blocker: pg.Client;
    beforeEach(async () => {
      blocker = new pg.Client({ connectionString: url });
      await blocker.connect();
    });
    afterEach(() => blocker.end());
    const untilBlocked = async () => {
      while ((await observer.query(`SELECT pid ${waiting}`)).rows.length === 0)
        await new Promise((resolve) => setTimeout(resolve, 5));
    };

    it('is sent again in order with all waiting events if it was not committed', async () => {
      const [id = ''] = await own(1);
      await blocker.query('BEGIN');
      await blocker.query('LOCK TABLE cloutagent.events IN EXCLUSIVE MODE');
      const appends = [append(id, [draft(id, 1), draft(id, 2)])];
      await untilBlocked();
      for (let sequence = 3; sequence < 8; sequence += 1) appends.push(append(id, [draft(id, sequence)]));
      await observer.query(`SELECT pg_terminate_backend(pid) ${waiting}`);
      await blocker.query('COMMIT');
      await Promise.all(appends);
      expect(await stored(id)).toEqual(upTo(7));
    });

    it('is not executed twice if it was committed, also for an end', async () => {
      const [id = ''] = await own(1);
      const published: number[] = [];
      opened.bus
        .ofExecution(id)
        .subscribe((events) => published.push(...events.map(({ sequence }) => sequence)));
      const { database } = opened;
      const query = database.query.bind(database);
      let lost = 0;
      // The statements are executed, but the answers to the first appends are lost.
      database.query = async (make) => {
        const answer = await query(make);
        if ((lost += 1) > 4) return answer as never;
        throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
      };
      await append(id, [draft(id, 1)]);
      await Promise.all([append(id, [draft(id, 2)]), append(id, [draft(id, 3)])]);
      await finish(id, 4);
      database.query = query;
      expect(lost).toBeGreaterThanOrEqual(3);
      expect(await stored(id)).toEqual(upTo(4));
      expect(published).toEqual(upTo(4));
    });
  });

  it('refuses only the events that PostgreSQL can never store', async () => {
    const [bad = '', good = ''] = await own(2);
    const nul = { ...draft(bad, 1), data: 'a\u0000b' };
    const results = await Promise.allSettled([append(bad, [nul]), append(good, [draft(good, 1)])]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });

  describe('the end of an execution that no process owns', () => {
    const cancel = (id: string) => opened.journal.appendIfUnowned(id, { by: 'someone', reason: null });

    it('is written and published once, and only while no process owns the execution', async () => {
      const [id = ''] = await own(1);
      const published: RecordedEvent[] = [];
      opened.bus.ofExecution(id).subscribe((events) => published.push(...events));
      await append(id, [draft(id, 1)]);
      expect(await cancel(id)).toBe(false);
      await change(id, 'owner = NULL, runnable_at = now()');
      expect(await cancel(id)).toBe(true);
      expect(await cancel(id)).toBe(false);
      expect(await cancel(randomUUID())).toBe(false);
      expect(await stored(id)).toEqual([1, 2]);
      expect(published.at(-1)).toMatchObject({ sequence: 2, type: 'execution:cancelled' });
      expect(JSON.parse(published.at(-1)!.data)).toMatchObject({ executionId: id, by: 'someone' });
    });

    it('cuts off the running step', async () => {
      const [id = ''] = await own(1);
      const step = { step: 'a', stepId: 's', nodeId: 'a', nodeType: 'delay', attempt: 1 };
      const fields = { ...step, status: 'running' as const };
      await append(id, [encodeEvent(id, 1, { type: 'execution:step', fields })]);
      await change(id, 'owner = NULL, runnable_at = now()');
      expect(await cancel(id)).toBe(true);
      const { events } = await new JournalReader(opened.database).readState(id);
      expect(events.map(({ data }) => JSON.parse(data) as unknown)).toEqual([
        expect.objectContaining({ stepId: 's', status: 'running' }),
        expect.objectContaining({ stepId: 's', status: 'cancelled' }),
        expect.objectContaining({ by: 'someone' }),
      ]);
    });

    it.each([
      ['follows the events that a former owner appends at the same time', 1],
      ['is given up when a former owner appends at each try', 5],
    ])('%s', async (_case, appends) => {
      const [id = ''] = await own(1);
      await append(id, [draft(id, 1)]);
      await change(id, 'owner = NULL, runnable_at = now()');
      const { pool } = opened.database;
      const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<unknown>;
      let sequence = 1;
      pool.query = (async (...args: unknown[]) => {
        const answer = await query(...args);
        // After the journal was read and before the end is written.
        if (/^journal-states?$/.test((args[0] as { name?: string }).name ?? '') && sequence <= appends) {
          sequence += 1;
          const { type, data } = draft(id, sequence);
          await observer.query('INSERT INTO cloutagent.events VALUES ($1, $2, $3, $4)', [
            id,
            sequence,
            type,
            data,
          ]);
        }
        return answer;
      }) as never;
      const cancelled = await cancel(id).catch((error: unknown) => error);
      pool.query = query as never;
      if (appends === 1) expect([cancelled, await stored(id)]).toEqual([true, upTo(3)]);
      else expect([cancelled, await stored(id)]).toEqual([expect.any(SequenceTakenError), upTo(6)]);
    });
  });
});
