// The application as it is shipped: the build, with its guards, hub and @Sse() controller, in one process. Events are
// published on the bus, or appended to the journal, for executions that are rows without an engine behind them.
import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeEvent, now } from '../load/frame.ts';
import { type Peer, portOf } from './peer.ts';

const built = async <T>(path: string): Promise<T> =>
  (await import(new URL(`../../dist/${path}`, import.meta.url).href)) as T;
const KEY = 'bench-administrator-key-of-32-characters';

export async function start([databaseUrl = '', executions = '1', ...settings]: string[]): Promise<Peer> {
  const { createApp } = await built<typeof import('../../src/create-app.js')>('create-app.js');
  const { parseSettings } = await built<typeof import('../../src/config/settings.js')>('config/settings.js');
  const { Database } = await built<typeof import('../../src/database/database.js')>('database/database.js');
  const { EventBus } = await built<typeof import('../../src/events/event-bus.js')>('events/event-bus.js');
  const { Journal } = await built<typeof import('../../src/journal/journal.js')>('journal/journal.js');
  const { JournalReader } =
    await built<typeof import('../../src/journal/journal-reader.js')>('journal/journal-reader.js');
  const { StreamHub } =
    await built<typeof import('../../src/streaming/stream-hub.js')>('streaming/stream-hub.js');
  const app = await createApp(
    parseSettings({
      DATABASE_URL: databaseUrl,
      BOOTSTRAP_API_KEY: KEY,
      RATE_LIMIT_REQUESTS: '10000000',
      STREAMS_PER_PRINCIPAL: '100000',
      STREAMS_PER_EXECUTION: '100000',
      STREAMS_PER_ADDRESS: '100000',
      // What a bench publishes on the bus is not in the journal: nobody must look there.
      JOURNAL_POLL_MS: '3600000',
      ...Object.fromEntries(settings.map((setting) => setting.split('='))),
    }),
  );
  await app.listen(0, '127.0.0.1');
  const database = app.get(Database);
  const bus = app.get(EventBus);
  const journal = app.get(Journal);
  const hub = app.get(StreamHub);
  const reader = app.get(JournalReader);
  let reads = 0;
  const read = reader.read.bind(reader);
  reader.read = (...args) => ((reads += 1), read(...args));

  const ids = Array.from({ length: Number(executions) }, () => randomUUID());
  await database.pool.query(
    `INSERT INTO cloutagent.executions (id, project_id, status, input, workflow, options, created_by)
     SELECT id, 'bench', 'running', 'null', '{"nodes":[]}', '{}', 'bench' FROM unnest($1::uuid[]) AS id`,
    [ids],
  );
  const server: Server = app.getHttpServer();
  return {
    server,
    port: portOf(server),
    path: (channel) => `/api/executions/${ids[channel]}/stream`,
    headers: { Authorization: `Bearer ${KEY}` },
    publish: (channel, events) => bus.publish(ids[channel]!, events),
    methods: {
      /** Appends events in one go, as if they had been recorded earlier. */
      async record(channel: number, count: number, bytes: number): Promise<void> {
        for (let from = 1; from <= count; from += 1000) {
          const length = Math.min(1000, count + 1 - from);
          await journal.append(
            ids[channel]!,
            Array.from({ length }, (_unused, n) => makeEvent(from + n, bytes)),
          );
        }
      },
      /** Appends through the journal at a rate, and at the end the terminal event. */
      async write(channel: number, seconds: number, perSecond: number, bytes: number): Promise<number> {
        const began = now();
        const total = seconds * perSecond;
        for (let sent = 0; sent < total;) {
          const due = Math.min(total, Math.floor(((now() - began) / 1000) * perSecond));
          const events = Array.from({ length: due - sent }, (_unused, n) => makeEvent(sent + 1 + n, bytes));
          if (events.length > 0) await journal.append(ids[channel]!, events);
          sent = due;
          await sleep(5);
        }
        return total;
      },
      finish: (channel: number, sequence: number) =>
        journal.append(ids[channel]!, [{ sequence, type: 'execution:completed', data: '{"result":null}' }], {
          status: 'completed',
        }),
      reads: () => reads,
      watchers: () => ids.filter((id) => hub.hasExecution(id)).length,
    },
    stop: () => app.close(),
  };
}
