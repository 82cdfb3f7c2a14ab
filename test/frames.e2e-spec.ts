import { ExecutionEventSchema, ExecutionsStreamData, StreamData } from '@cloutagent/contract';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { eventsIn, GzipWatch } from './support/gzip-watch.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, delay, pathOf, start, Watch } from './support/watch.js';
import { storedEvents } from './support/stored-events.js';

interface Row {
  sequence: number;
  type: string;
  data: string;
}

/** The frames that a journal gives, by the rules of docs/protocol.md. */
const framesOf = (rows: readonly Row[], idOf = ({ sequence }: Row) => String(sequence)): string =>
  rows
    .map(
      (row) =>
        `event: ${row.type}\ndata: {"type":"${row.type}","sequence":${row.sequence},${row.data.slice(1)}\nid: ${idOf(row)}\n\n`,
    )
    .join('');

describe('the frames of a stream', () => {
  let server: Server;
  let database: pg.Client;
  let ended: { id: string; rows: Row[] };
  /** Follows an execution of all kinds of events, from its start. */
  let live: Promise<string>;

  const plain = (path: string, headers: Record<string, string> = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      const options = { headers: { authorization: `Bearer ${ADMIN_KEY}`, ...headers }, agent: false };
      get(new URL(path, server.url), options, (response) => resolve(text(response))).on('error', reject);
    });
  const rowsOf = (id: string): Promise<Row[]> => storedEvents(database, id);

  beforeAll(async () => {
    const url = await createDatabase();
    server = await Server.start({ DATABASE_URL: url, STREAM_COMPRESSION: 'gzip' });
    database = new pg.Client({ connectionString: url });
    await database.connect();
    const nodes = [
      agent('a', { chunks: 200, delayMs: 1, thinking: 3, failTimes: 1, text: 'é漢🙂\n'.repeat(200) }),
      delay('d', 5),
    ];
    const id = await server.startExecution(start(nodes));
    live = plain(pathOf(id));
    await live;
    ended = { id, rows: await rowsOf(id) };
  });
  afterAll(async () => {
    await database.end();
    await server.kill('SIGTERM');
  });

  it('name type and sequence in data, which the journal does not store', async () => {
    expect(ended.rows.length).toBeGreaterThan(200);
    for (const { data } of ended.rows)
      expect(Object.keys(JSON.parse(data) as object)).toEqual(
        expect.not.arrayContaining(['type', 'sequence']),
      );
    expect(eventsIn(await live)).toBe(framesOf(ended.rows));
  });

  it('are the same bytes live and replayed, plain and compressed, from every position', async () => {
    const { id, rows } = ended;
    for (const after of [0, 1, 77, rows.length - 1]) {
      const wanted = framesOf(rows.slice(after));
      const headers = { 'last-event-id': String(after) };
      expect(eventsIn(await plain(pathOf(id), headers))).toBe(wanted);
      const watch = await new GzipWatch(server.url, pathOf(id), headers).done();
      expect(watch.headers['content-encoding']).toBe('gzip');
      expect(eventsIn(watch.text)).toBe(wanted);
    }
  });

  it('are the same bytes with a filter of types', async () => {
    const types = ['execution:step', 'execution:progress'];
    const filtered = ended.rows.filter(({ type }) => types.includes(type));
    expect(eventsIn(await plain(`${pathOf(ended.id)}?types=${types.join()}`))).toBe(framesOf(filtered));
  });

  it('differ on a stream of many executions by their id alone', async () => {
    const path = `/api/executions/stream?executionIds=${ended.id}`;
    const { frames } = await new Watch(server.url, path).done();
    const wanted = framesOf(ended.rows, ({ sequence }) => frames[sequence - 1]!.cursor);
    const [, ...events] = (await plain(path)).split(/(?<=\n\n)/);
    expect(events.join('')).toBe(wanted);
    const watch = await new GzipWatch(server.url, path).done();
    expect(watch.text.slice(watch.text.indexOf('\n\n') + 2)).toBe(wanted);
  });

  it('hold what the events page of the REST API holds', async () => {
    const page = await server.call('GET', `/api/executions/${ended.id}/events?limit=1000`);
    const data = [...(await live).matchAll(/^data: (.*)$/gm)].slice(1).map(([, json]) => json!);
    expect(page.text).toContain(`"events":[${data.join()}]`);
  });

  it('hold the data that the contract documents', async () => {
    const single = await live;
    const many = await plain(`/api/executions/stream?executionIds=${ended.id}`);
    for (const [stream, schema] of [
      [single, StreamData],
      [many, ExecutionsStreamData],
    ] as const) {
      const [first, ...events] = [...stream.matchAll(/^data: (.*)$/gm)].map(
        ([, json]) => JSON.parse(json!) as object,
      );
      expect(schema.parse(first)).toEqual(first);
      for (const event of events) {
        expect(schema.parse(event)).toEqual(event);
        expect(ExecutionEventSchema.safeParse(event).success).toBe(true);
      }
    }
  });

  it('begin with connection:established, whose sequence is where the stream begins', async () => {
    const { id, rows } = ended;
    for (const after of [0, 42]) {
      const watch = await new Watch(server.url, pathOf(id), { 'last-event-id': String(after) }).done();
      expect(watch.established).toMatchObject({
        type: 'connection:established',
        sequence: after,
        lastSequence: rows.length,
      });
      expect(watch.frames[0]!.data.sequence).toBe(after + 1);
    }
    const cursor = (await new Watch(server.url, `/api/executions/stream?executionIds=${id}`).done())
      .frames[7]!.cursor;
    const resumed = new Watch(server.url, `/api/executions/stream?executionIds=${id}`, {
      'last-event-id': cursor,
    });
    await resumed.done();
    expect(resumed.established).toMatchObject({ type: 'connection:established', sequence: 0 });
    expect(resumed.frames[0]!.data.sequence).toBe(9);
  });

  it('are text/event-stream in UTF-8, for GET and HEAD', async () => {
    for (const path of [pathOf(ended.id), '/api/executions/stream'])
      for (const method of ['GET', 'HEAD']) {
        const signal = new AbortController();
        const response = await fetch(new URL(path, server.url), {
          method,
          headers: { authorization: `Bearer ${ADMIN_KEY}` },
          signal: signal.signal,
        });
        expect([response.status, response.headers.get('content-type')]).toEqual([
          200,
          'text/event-stream; charset=utf-8',
        ]);
        signal.abort();
      }
  });
});
