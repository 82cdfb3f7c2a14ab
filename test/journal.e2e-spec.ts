import { EventEmitter2 } from '@nestjs/event-emitter';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { Database } from '../src/database/database.js';
import { Listener } from '../src/database/listener.js';
import { EventBus } from '../src/events/event-bus.js';
import type { RecordedEvent } from '../src/events/recorded-event.js';
import { Announcer } from '../src/journal/announcer.js';
import { Journal, record, StaleOwnerError } from '../src/journal/journal.js';
import { JournalReader } from '../src/journal/journal-reader.js';
import { createDatabase } from './support/server.js';
import { upTo } from './support/watch.js';

describe('the journal on a real database', () => {
  const bus = new EventBus(new EventEmitter2());
  let database: Database;
  let listener: Listener;
  let journal: Journal;

  beforeAll(async () => {
    const DATABASE_URL = await createDatabase();
    database = await Database.connect({
      DATABASE_URL,
      DATABASE_POOL_SIZE: 10,
      DATABASE_CONNECT_TIMEOUT_MS: 10_000,
      DATABASE_QUERY_TIMEOUT_MS: 60_000,
    });
    listener = new Listener(DATABASE_URL);
    await listener.open();
    journal = new Journal(database, bus, new Announcer(database, listener), {
      JOURNAL_BATCH_EVENTS: 200,
      JOURNAL_FLUSHES: 3,
    });
  });
  afterAll(async () => {
    await listener.onApplicationShutdown();
    await database.onApplicationShutdown();
  });

  const draft = (id: string, sequence: number): RecordedEvent =>
    record(id, sequence, { type: 'execution:output', fields: { chunk: 'x', stepId: 's', nodeId: 'n' } });
  const stored = async (id: string): Promise<number[]> =>
    (await new JournalReader(database).read(id, 0, { limit: 10_000, bytes: 1e9 })).map((row) => row.sequence);

  it('publishes each execution in order and after its commit, however many flushes are under way', async () => {
    const executions = Array.from({ length: 300 }, () => randomUUID());
    const published = new Map<string, number[]>();
    const looks: Promise<boolean>[] = [];
    for (const id of executions) {
      published.set(id, []);
      bus.ofExecution(id).subscribe((events) => {
        for (const { sequence } of events) published.get(id)!.push(sequence);
        const last = events.at(-1)!.sequence;
        if (Math.random() < 0.05) looks.push(stored(id).then((rows) => rows.includes(last)));
      });
    }
    await Promise.all(
      executions.map(async (id, index) => {
        let sequence = 0;
        for (let round = 0; round < 10; round += 1) {
          const appends = Array.from({ length: 1 + (index % 4) }, () => {
            const events = Array.from({ length: 1 + (round % 3) }, () => draft(id, ++sequence));
            return journal.append(id, events);
          });
          await (index % 2 === 0 ? Promise.all(appends) : appends.at(-1));
        }
        expect(published.get(id)).toEqual(upTo(sequence));
        expect(await stored(id)).toEqual(upTo(sequence));
      }),
    );
    expect(looks.length).toBeGreaterThan(50);
    expect((await Promise.all(looks)).every(Boolean)).toBe(true);
  });

  it('refuses a stale owner alone: what others wrote in the same batch is committed', async () => {
    const [stale, ...others] = Array.from({ length: 50 }, () => randomUUID());
    await journal.append(stale!, [draft(stale!, 1)]);
    const told: number[] = [];
    bus.ofExecution(stale!).subscribe((events) => told.push(...events.map(({ sequence }) => sequence)));
    const results = await Promise.allSettled([
      ...others.map((id) => journal.append(id, [draft(id, 1)])),
      journal.append(stale!, [draft(stale!, 1), draft(stale!, 2)]),
      journal.append(stale!, [draft(stale!, 3)]),
    ]);
    const failed = results.filter((result) => result.status === 'rejected');
    expect(failed.map(({ reason }) => reason as unknown)).toEqual([
      expect.any(StaleOwnerError),
      expect.any(StaleOwnerError),
    ]);
    expect(await Promise.all(others.map(stored))).toEqual(others.map(() => [1]));
    expect([await stored(stale!), told]).toEqual([[1], []]);
  });

  it('leaves no hole when a connection breaks in the middle: what was appended behind it is refused, too', async () => {
    const id = randomUUID();
    const blocker = new pg.Client({ connectionString: database.url });
    await blocker.connect();
    await blocker.query('BEGIN');
    await blocker.query('LOCK TABLE cloutagent.events IN EXCLUSIVE MODE');
    const waiting = `FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%INTO cloutagent.events%'
      AND datname = current_database() AND pid <> pg_backend_pid()`;
    const appends = [journal.append(id, [draft(id, 1), draft(id, 2)])];
    while ((await blocker.query(`SELECT pid ${waiting}`)).rows.length === 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
    for (let sequence = 3; sequence < 8; sequence += 1)
      appends.push(journal.append(id, [draft(id, sequence)]));
    const late = appends[0]!.catch(() => journal.append(id, [draft(id, 8)]));
    const settled = Promise.allSettled([...appends, late]);
    await blocker.query(`SELECT pg_terminate_backend(pid) ${waiting}`);
    await blocker.query('COMMIT');
    await blocker.end();
    expect((await settled).map(({ status }) => status)).toEqual(Array(7).fill('rejected'));
    expect(await stored(id)).toEqual([]);
    // The next owner goes on where the journal stands.
    await journal.append(id, [draft(id, 1)]);
    expect(await stored(id)).toEqual([1]);
  });
});
