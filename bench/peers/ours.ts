// The built application with its guards, hub and @Sse() controller, in one process. Events are published on the bus or
// appended to the journal. Their executions are rows in the database that no engine runs.
import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { EventEmitter2 } from '@nestjs/event-emitter';
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
  const { ProcessIdentity } = await built<typeof import('../../src/database/process-identity.js')>(
    'database/process-identity.js',
  );
  const { EventBus } = await built<typeof import('../../src/events/event-bus.js')>('events/event-bus.js');
  const { Journal } = await built<typeof import('../../src/journal/journal.js')>('journal/journal.js');
  const { ChannelPool } = await built<typeof import('../../src/streaming/channel/channel-pool.js')>(
    'streaming/channel/channel-pool.js',
  );
  const { StreamStats } =
    await built<typeof import('../../src/streaming/stream-stats.js')>('streaming/stream-stats.js');
  const { JournalReader } =
    await built<typeof import('../../src/journal/journal-reader.js')>('journal/journal-reader.js');
  const { StreamHub } =
    await built<typeof import('../../src/streaming/stream-hub.js')>('streaming/stream-hub.js');
  const app = await createApp(
    parseSettings({
      DATABASE_URL: databaseUrl,
      BOOTSTRAP_API_KEY: KEY,
      RATE_LIMIT_REQUESTS: '10000000',
      MAX_STREAMS_PER_PRINCIPAL: '100000',
      MAX_STREAMS_PER_EXECUTION: '100000',
      MAX_STREAMS_PER_ADDRESS: '100000',
      // Events that the benchmark publishes on the bus are not in the journal, so no channel may poll the journal.
      JOURNAL_POLL_INTERVAL_MS: '3600000',
      // The executions of the benchmark have rows but do not run, so the dispatcher must not find them.
      DISPATCH_POLL_INTERVAL_MS: '3600000',
      ...Object.fromEntries(settings.map((setting) => setting.split('='))),
    }),
  );
  await app.listen(0, '127.0.0.1');
  const database = app.get(Database);
  const bus = app.get(EventBus);
  const journal = app.get(Journal);
  const hub = app.get(StreamHub);
  const reader = app.get(JournalReader);
  const pool = app.get(ChannelPool);
  const emitter = app.get(EventEmitter2);
  let reads = 0;
  const read = reader.read.bind(reader);
  reader.read = (...args) => ((reads += 1), read(...args));

  const ids: string[] = Array.from({ length: Number(executions) }, () => randomUUID());
  // The rows of other rounds are still in the table; the tag separates them.
  const tag = randomUUID();
  await database.pool.query(
    `INSERT INTO cloutagent.executions (id, project_id, status, input, workflow, options, created_by, tags, owner, attempt)
     SELECT id, 'bench', 'running', 'null', '{"nodes":[]}', '{}', 'bench', ARRAY[$2], $3, 1 FROM unnest($1::uuid[]) AS id`,
    [ids, tag, app.get(ProcessIdentity).value],
  );
  const claimOf = (channel: number) => ({ executionId: ids[channel]!, attempt: 1 });
  const server: Server = app.getHttpServer();
  return {
    server,
    port: portOf(server),
    path: (channel) => `/api/executions/${ids[channel]}/stream`,
    multiStreamPath: `/api/executions/stream?tag=${tag}`,
    headers: { Authorization: `Bearer ${KEY}` },
    publish: (channel, events) => bus.publish(ids[channel]!, events),
    methods: {
      /** Appends events as fast as possible, as if they had been recorded earlier. */
      async record(channel: number, count: number, bytes: number): Promise<void> {
        for (let from = 1; from <= count; from += 1000) {
          const length = Math.min(1000, count + 1 - from);
          await journal.append(
            claimOf(channel),
            Array.from({ length }, (_unused, n) => makeEvent(from + n, bytes)),
          );
        }
      },
      /** Appends through the journal at a constant rate. @returns the last sequence */
      async write(
        channel: number,
        seconds: number,
        perSecond: number,
        bytes: number,
        from = 0,
      ): Promise<number> {
        const began = now();
        const total = seconds * perSecond;
        for (let sent = 0; sent < total;) {
          const due = Math.min(total, Math.floor(((now() - began) / 1000) * perSecond));
          const events = Array.from({ length: due - sent }, (_unused, n) =>
            makeEvent(from + sent + 1 + n, bytes),
          );
          if (events.length > 0) await journal.append(claimOf(channel), events);
          sent = due;
          await sleep(5);
        }
        return from + total;
      },
      finish: (channel: number, sequence: number) =>
        journal.append(
          claimOf(channel),
          [{ sequence, type: 'execution:completed', data: '{"result":null}' }],
          {
            status: 'completed',
          },
        ),
      reads: () => reads,
      path: (channel: number) => `/api/executions/${ids[channel]}/stream`,
      async startReal(chunks: number, delayMs: number): Promise<number> {
        const config = { model: 'demo/echo', prompt: 'p', providerOptions: { demo: { chunks, delayMs } } };
        const response = await fetch(`http://127.0.0.1:${portOf(server)}/api/executions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
          body: JSON.stringify({
            projectId: 'bench',
            input: null,
            workflow: { nodes: [{ id: 'a', type: 'agent', data: { config } }] },
          }),
        });
        return ids.push(((await response.json()) as { id: string }).id) - 1;
      },
      async cancelReal(channel: number): Promise<void> {
        const url = `http://127.0.0.1:${portOf(server)}/api/executions/${ids[channel]}/cancel`;
        await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${KEY}` } });
      },
      /** Waits until no started execution is open. */
      async drain(): Promise<void> {
        for (;;) {
          const { rows } = await database.pool.query(
            `SELECT 1 FROM cloutagent.executions WHERE completed_at IS NULL AND created_by <> 'bench' LIMIT 1`,
          );
          if (rows.length === 0) return;
          await sleep(100);
        }
      },
      census: () => {
        const resources: Record<string, number> = {};
        for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
        return {
          heapMB: Math.round(process.memoryUsage().heapUsed / 1e5) / 10,
          sockets: resources['TCPSocketWrap'] ?? 0,
          timers: resources['Timeout'] ?? 0,
          channels: [...pool.all()].length,
          streams: hub.count().open,
          listeners: emitter.eventNames().length,
          wheel: pool.wheel.length,
          resources,
        };
      },
      stats: () => Object.fromEntries(Object.entries(app.get<object>(StreamStats))),
      watchers: () => ids.filter((id) => hub.hasExecution(id)).length,
    },
    stop: () => app.close(),
  };
}
