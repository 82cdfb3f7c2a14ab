import type { EventType } from '@cloutagent/contract';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from './faults/random.ts';
import { JournalReader } from '../src/journal/journal-reader.js';
import { toStored } from '../src/journal/stored-event.js';
import { packEvents } from '../src/journal/pack-events.js';
import { unpackAll } from '../src/journal/unpack-events.js';
import type { RecordedEvent } from '../src/events/recorded-event.js';
import { openJournal } from './support/open-journal.js';
import { createDatabase } from './support/server.js';
import { until } from './support/until.js';

const STATE_TYPES: EventType[] = ['execution:step', 'execution:progress', 'execution:cost-update'];
const CHUNK_TYPES: EventType[] = ['execution:output', 'execution:thinking', 'execution:custom'];
const FILTERS: (EventType[] | undefined)[] = [
  undefined,
  ['execution:output'],
  ['execution:step'],
  ['execution:completed'],
  ['execution:waiting'],
  ['execution:started', 'execution:custom'],
];
const TERMINAL: EventType = 'execution:completed';

/** Executions of a few events up to several segments, all of which have ended. */
function randomEvents(random: SeededRandom, id: string): RecordedEvent[] {
  const count = random.pick([1, 2, 40, 700, 4_500]);
  const large = random.chance(0.3) ? random.whole(0, count - 1) : -1;
  let time = 1.8e12;
  return Array.from({ length: count }, (_, index) => {
    const isLast = index === count - 1;
    const type = isLast
      ? TERMINAL
      : index === 0
        ? 'execution:started'
        : random.chance(0.02)
          ? random.pick(STATE_TYPES)
          : random.pick(CHUNK_TYPES);
    time += random.whole(0, 39);
    const text = index === large ? 'x'.repeat(400_000) : ` word${random.whole(0, 499)} "é漢🙂`;
    const data = `{"executionId":"${id}","timestamp":"${new Date(time).toISOString()}","chunk":${JSON.stringify(text)}}`;
    return { sequence: index + 1, type, data };
  });
}

describe('packed journals', () => {
  let opened: Awaited<ReturnType<typeof openJournal>>;
  let reader: JournalReader;
  const journals = new Map<string, RecordedEvent[]>();

  beforeAll(async () => {
    opened = await openJournal(await createDatabase());
    reader = new JournalReader(opened.database);
  });
  afterAll(() => opened.close());

  const query = async <Row extends object>(text: string, values: unknown[] = []) =>
    (await opened.database.pool.query<Row>(text, values)).rows;
  const countOf = async (table: string, id: string) =>
    (
      await query<{ n: number }>(
        `SELECT count(*)::int AS n FROM cloutagent.${table} WHERE execution_id = $1`,
        [id],
      )
    )[0]!.n;

  async function insert(events: (id: string) => RecordedEvent[]): Promise<string> {
    const id = await opened.own();
    const recorded = events(id).map((event) => toStored(id, event));
    await query(
      `INSERT INTO cloutagent.events (execution_id, sequence, type, data)
       SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[])`,
      [id, recorded.map((e) => e.sequence), recorded.map((e) => e.type), recorded.map((e) => e.data)],
    );
    await query(
      `UPDATE cloutagent.executions SET status = 'completed', owner = NULL, completed_at = now() WHERE id = $1`,
      [id],
    );
    return id;
  }

  const pack = (id: string) =>
    opened.database.transaction(async (client) => {
      await client.query('SELECT FROM cloutagent.executions WHERE id = $1 FOR NO KEY UPDATE', [id]);
      await packEvents(client, id);
      await client.query('DELETE FROM cloutagent.unpacked_executions WHERE execution_id = $1', [id]);
    });

  /** Reads in a random way and compares with the events. */
  async function readAndCompare(random: SeededRandom, id: string): Promise<void> {
    const events = journals.get(id)!;
    const position = random.whole(0, events.length + 1);
    const types = random.pick(FILTERS);
    const wanted = events.filter((e) => e.sequence > position && (!types || types.includes(e.type)));
    const last = events.at(-1)!;
    switch (random.whole(0, 5)) {
      case 0: {
        const [limit, bytes] = [random.pick([1, 7, 1_000, 5_000]), random.pick([1, 5_000, 500_000, 1e9])];
        const page = wanted.slice(0, limit);
        let size = 0;
        const end = page.findIndex((event) => {
          const isFull = size >= bytes;
          size += Buffer.byteLength(event.data);
          return isFull;
        });
        const expected = end === -1 ? page : page.slice(0, end);
        expect(await reader.read(id, position, { types, limit, bytes })).toEqual(expected);
        return;
      }
      case 1:
        expect(await reader.at(id, position)).toEqual(events[position - 1]);
        return;
      case 2:
        expect(await reader.newest(id)).toMatchObject({ sequence: last.sequence, type: last.type });
        return;
      case 3:
        expect(await reader.hasAfter([{ executionId: id, position }], types)).toBe(wanted.length > 0);
        return;
      case 4:
        expect(await reader.lastSequences([id])).toEqual(new Map([[id, last.sequence]]));
        return;
      default: {
        const state = events.filter(({ type }) => !CHUNK_TYPES.includes(type));
        expect(await reader.readState(id)).toEqual({ events: state, lastSequence: last.sequence });
      }
    }
  }

  it('give readers the same events at any time, while they are packed and unpacked and packers are killed', async () => {
    const random = new SeededRandom(20_261_128);
    for (let index = 0; index < 14; index += 1) {
      const id = await insert((of) => randomEvents(random, of));
      journals.set(id, await reader.read(id, 0, { limit: 1e6, bytes: 1e9 }));
    }
    const ids = [...journals.keys()];
    let isOver = false;
    const readers = Array.from({ length: 6 }, async (_, index) => {
      const own = new SeededRandom(index + 1);
      let reads = 0;
      for (; !isOver; reads += 1) await readAndCompare(own, own.pick(ids));
      return reads;
    });
    const failure = Promise.all(readers).then(
      (reads) => reads.reduce((sum, n) => sum + n, 0),
      (error: unknown) => {
        isOver = true;
        throw error;
      },
    );
    failure.catch(() => undefined);
    for (let round = 0; round < 8 && !isOver; round += 1) {
      const packers = [0, 1].map(() =>
        fork('test/support/pack-all.mjs', [opened.database.url], {
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        }),
      );
      // Each says when it begins. It is killed at a random time after that, or ends by itself.
      await Promise.all(packers.map((packer) => once(packer, 'message')));
      await sleep(random.whole(0, 120));
      const exits = packers.map((packer) => once(packer, 'exit'));
      for (const packer of packers) packer.kill('SIGKILL');
      await Promise.all(exits);
      for (const id of ids) {
        const [{ packed }] = (await query<{ packed: boolean }>(
          'SELECT NOT EXISTS (SELECT FROM cloutagent.unpacked_executions WHERE execution_id = $1) AS packed',
          [id],
        )) as [{ packed: boolean }];
        const [rows, segments] = [await countOf('events', id), await countOf('segments', id)];
        expect([packed, rows > 0, segments > 0]).toEqual([packed, !packed, packed]);
      }
      if (round % 3 === 2) await unpackAll(opened.database);
    }
    await Promise.all(ids.map((id) => readAndCompare(random, id)));
    isOver = true;
    expect(await failure).toBeGreaterThan(100);
    for (const id of ids)
      expect(await reader.read(id, 0, { limit: 1e6, bytes: 1e9 })).toEqual(journals.get(id));
  }, 120_000);

  it('keep a sequence that is missing missing', async () => {
    const events = (id: string) =>
      randomEvents(new SeededRandom(3), id)
        .slice(0, 40)
        .filter(({ sequence }) => sequence !== 5);
    const id = await insert(events);
    const before = await reader.read(id, 0, { limit: 100, bytes: 1e9 });
    await pack(id);
    expect(await countOf('events', id)).toBe(0);
    expect(await reader.read(id, 0, { limit: 100, bytes: 1e9 })).toEqual(before);
    expect(await reader.at(id, 5)).toBeUndefined();
  });

  it('are deleted with their execution, also by a transaction that waits for the packer', async () => {
    const id = await insert((of) => randomEvents(new SeededRandom(4), of));
    let deletion: Promise<unknown> | undefined;
    await opened.database.transaction(async (client) => {
      await client.query('SELECT FROM cloutagent.executions WHERE id = $1 FOR NO KEY UPDATE', [id]);
      deletion = opened.database.transaction(async (other) => {
        await other.query('SELECT FROM cloutagent.executions WHERE id = $1 FOR UPDATE', [id]);
        await other.query('DELETE FROM cloutagent.events WHERE execution_id = $1', [id]);
        await other.query('DELETE FROM cloutagent.executions WHERE id = $1', [id]);
      });
      await until('the deletion waits', async () => {
        const rows = await query(
          `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FOR UPDATE'`,
        );
        return rows.length > 0;
      });
      await packEvents(client, id);
    });
    await deletion;
    expect([await countOf('events', id), await countOf('segments', id)]).toEqual([0, 0]);
  });

  it('refuse to be read when they are damaged, and name the row', async () => {
    const id = await insert((of) => randomEvents(new SeededRandom(5), of));
    await pack(id);
    await query(
      `UPDATE cloutagent.segments SET data = set_byte(data, length(data) / 2, get_byte(data, length(data) / 2) # 255)
       WHERE execution_id = $1`,
      [id],
    );
    await expect(reader.read(id, 0, { limit: 10, bytes: 1e9 })).rejects.toThrow(
      `the stored events of execution ${id} from 1 are damaged`,
    );
  });

  it('are no rows again for durable subscribers and webhooks when they are unpacked', async () => {
    const id = await insert((of) => randomEvents(new SeededRandom(6), of));
    await pack(id);
    await query(
      `INSERT INTO cloutagent.subscribers (id, types, is_backfilled) VALUES ('s', '{execution:completed}', true)`,
    );
    await query(`
      CREATE TRIGGER events_deliveries AFTER INSERT ON cloutagent.events
      FOR EACH ROW WHEN (NEW.type IN ('execution:completed')) EXECUTE FUNCTION cloutagent.record_delivery()`);
    await query('DELETE FROM cloutagent.segments WHERE execution_id <> $1', [id]);
    const before = await reader.read(id, 0, { limit: 10_000, bytes: 1e9 });
    expect(await unpackAll(opened.database)).toBe(1);
    expect(await countOf('events', id)).toBeGreaterThan(0);
    expect(await reader.read(id, 0, { limit: 10_000, bytes: 1e9 })).toEqual(before);
    expect(await query(`SELECT FROM cloutagent.events WHERE NOT starts_with(data, '{')`)).toEqual([]);
    expect(await countOf('deliveries', id)).toBe(0);
    const other = await insert((of) => randomEvents(new SeededRandom(6), of));
    expect(await countOf('deliveries', other)).toBe(1);
  });
});
