// Measures durable events per second through the journal, compared with a bare INSERT … unnest loop on the same database
// in the same run. Measures the same with durable subscribers and with webhooks, and the time from an event to its watcher.
// Prints tables and writes bench/results/journal.json.
import type { EventType } from '@cloutagent/contract';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';

// The benchmark measures the build, because the build is what ships. The types come from the sources.
const built = async <T>(path: string): Promise<T> =>
  (await import(new URL(`../dist/${path}`, import.meta.url).href)) as T;
const { EmbeddedPostgres } = await built<typeof import('../src/database/embedded-postgres.js')>(
  'database/embedded-postgres.js',
);
const { Database } = await built<typeof import('../src/database/database.js')>('database/database.js');
const { Listener } = await built<typeof import('../src/database/listener.js')>('database/listener.js');
const { ProcessIdentity } = await built<typeof import('../src/database/process-identity.js')>(
  'database/process-identity.js',
);
const { ProcessPresence } = await built<typeof import('../src/cluster/process-presence.js')>(
  'cluster/process-presence.js',
);
const { DeathDetector } =
  await built<typeof import('../src/cluster/death-detector.js')>('cluster/death-detector.js');
const { EventNotifier } =
  await built<typeof import('../src/journal/event-notifier.js')>('journal/event-notifier.js');
const { PostgresNotifications } = await built<
  typeof import('../src/journal/notifications/postgres-notifications.js')
>('journal/notifications/postgres-notifications.js');
const { Journal } = await built<typeof import('../src/journal/journal.js')>('journal/journal.js');
const { JournalReader } =
  await built<typeof import('../src/journal/journal-reader.js')>('journal/journal-reader.js');
const { UnownedAppend } =
  await built<typeof import('../src/journal/unowned-append.js')>('journal/unowned-append.js');
const { SubscriberRegistry } = await built<typeof import('../src/deliveries/subscriber-registry.js')>(
  'deliveries/subscriber-registry.js',
);
const { WebhookRegistry } = await built<typeof import('../src/webhooks/webhook-registry.js')>(
  'webhooks/webhook-registry.js',
);
const { SigningSecrets } = await built<typeof import('../src/webhooks/signing-secrets.js')>(
  'webhooks/signing-secrets.js',
);
const { SecretCipher } =
  await built<typeof import('../src/secrets/secret-cipher.js')>('secrets/secret-cipher.js');
const { encodeEvent } = await built<typeof import('../src/events/encode-event.js')>('events/encode-event.js');
const { SecretRedactor } =
  await built<typeof import('../src/config/secret-redactor.js')>('config/secret-redactor.js');
const { ExecutionRedactors } = await built<typeof import('../src/secrets/execution-redactors.js')>(
  'secrets/execution-redactors.js',
);
const { EventBus } = await built<typeof import('../src/events/event-bus.js')>('events/event-bus.js');

const SECONDS = Number(process.argv[2] ?? 2);
const ROUNDS = 5;
const CHUNK = 'x'.repeat(90);
const KEY = 'bench-administrator-key-of-32-characters';
const draft = { type: 'execution:output' as const, fields: { chunk: CHUNK, stepId: 's', nodeId: 'n' } };

const folder = await mkdtemp(join(tmpdir(), 'cloutagent-bench-'));
const server = await EmbeddedPostgres.start(folder);
const database = await Database.connect({
  DATABASE_URL: server.url,
  DATABASE_POOL_SIZE: 10,
  DATABASE_CONNECT_TIMEOUT_MS: 10_000,
  DATABASE_QUERY_TIMEOUT_MS: 60_000,
});
const identity = new ProcessIdentity();
const listener = new Listener(server.url, identity.value);
await listener.open();
const processes = {
  PROCESS_CHECK_INTERVAL_MS: 250,
  PROCESS_RECONNECT_TIMEOUT_MS: 5_000,
  PROCESS_TIMEOUT_MS: 20_000,
};
const presence = new ProcessPresence(database, listener, identity, processes);
await presence.onModuleInit();
const detector = new DeathDetector(presence, identity, processes);
detector.onModuleInit();
const transport = new PostgresNotifications(database, listener, identity, detector);
await transport.onModuleInit();
const notifier = new EventNotifier(transport, detector);
const bus = new EventBus(new EventEmitter2());
// Secrets of a realistic length, because the journal searches each event for them.
const secrets = new SecretRedactor(
  ['key', 'gateway', 'password'].map((name) => `${name}-`.padEnd(64, '0123')),
);
const redactors = new ExecutionRedactors(secrets, database, identity);
const reader = new JournalReader(database);
const unowned = new UnownedAppend(database, reader, redactors);
const journal = new Journal(
  database,
  listener,
  identity,
  bus,
  notifier,
  unowned,
  reader,
  redactors,
  detector,
  {
    MAX_EVENTS_PER_FLUSH: 5_000,
    MAX_FLUSHES_PER_PROCESS: 2,
    JOURNAL_PACK_EVENTS_PER_SECOND: 20_000,
  },
);

/** Inserts an execution that this process owns. */
async function ownedExecution(): Promise<string> {
  const id = randomUUID();
  await database.pool.query(
    `INSERT INTO cloutagent.executions (id, project_id, status, input, workflow, options, created_by, owner, attempt)
     VALUES ($1, 'bench', 'running', 'null', '{"nodes":[]}', '{}', 'bench', $2, 1)`,
    [id, identity.value],
  );
  return id;
}

/** Appends for `writers` executions, each with up to `window` unconfirmed events, as the engine does. @returns events per second */
async function throughJournal(writers: number, window: number): Promise<number> {
  const ids = await Promise.all(Array.from({ length: writers }, ownedExecution));
  const end = performance.now() + SECONDS * 1000;
  let events = 0;
  const write = async (id: string) => {
    // One object per claim, as in the engine: the journal remembers by this object what it has checked.
    const claim = { executionId: id, attempt: 1 };
    for (let sequence = 1; performance.now() < end;) {
      const appends = Array.from({ length: window }, () =>
        journal.append(claim, [encodeEvent(id, sequence++, draft)]),
      );
      await Promise.all(appends);
      events += window;
    }
  };
  const began = performance.now();
  await Promise.all(ids.map(write));
  return (events / (performance.now() - began)) * 1000;
}

/** Inserts the same rows in the same batches on one connection. @returns rows per second */
async function bare(writers: number, window: number): Promise<number> {
  const client = await database.pool.connect();
  const ids = Array.from({ length: writers }, () => randomUUID());
  const began = performance.now();
  let events = 0;
  for (let sequence = 1; performance.now() - began < SECONDS * 1000; sequence += window) {
    const rows = ids.flatMap((id) =>
      Array.from({ length: window }, (_unused, n) => [id, sequence + n] as const),
    );
    const data = rows.map(([id, n]) => encodeEvent(id, n, draft).data);
    await client.query({
      name: 'bare',
      text: 'INSERT INTO cloutagent.events SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[])',
      values: [rows.map(([id]) => id), rows.map(([, n]) => n), rows.map(() => draft.type), data],
    });
    events += rows.length;
  }
  client.release();
  return (events / (performance.now() - began)) * 1000;
}

const sorted = (values: number[]) => values.toSorted((a, b) => a - b);
const quantile = (values: number[], q: number) =>
  sorted(values)[Math.min(values.length - 1, Math.floor(values.length * q))]!;
const rounded = (value: number, digits = 0) => Number(value.toFixed(digits));

const LOADS = [
  [1, 1],
  [1, 64],
  [100, 1],
  [1000, 1],
] as const;
const throughput = [];
for (const [writers, window] of LOADS) {
  const rounds: { ours: number; peer: number; ratio: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const peer = await bare(writers, window);
    const ours = await throughJournal(writers, window);
    rounds.push({ ours, peer, ratio: ours / peer });
  }
  const median = (key: 'ours' | 'peer' | 'ratio') =>
    quantile(
      rounds.map((round) => round[key]),
      0.5,
    );
  throughput.push({
    executions: writers,
    unconfirmed: window,
    eventsPerSecond: rounded(median('ours')),
    bareInsert: rounded(median('peer')),
    ratio: rounded(median('ratio'), 2),
  });
}
console.table(throughput);

// The same with a durable subscriber that wants none of these events, and with one that wants all of them. Nothing is
// delivered: this measures what the journal pays to record the deliveries.
const registry = new SubscriberRegistry(database);
const subscribers = [];
for (const [writers, window] of LOADS) {
  const rates: Record<string, number[]> = { none: [], 'execution:completed': [], 'execution:output': [] };
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [type, measured] of Object.entries(rates)) {
      const deliver = () => Promise.resolve();
      if (type !== 'none') await registry.register({ id: type, types: [type as EventType], deliver });
      measured.push(await throughJournal(writers, window));
      if (type !== 'none') await registry.remove(type, 0);
    }
  const none = quantile(rates['none']!, 0.5);
  const ratio = (type: string) => rounded(quantile(rates[type]!, 0.5) / none, 2);
  subscribers.push({
    executions: writers,
    unconfirmed: window,
    noSubscriber: rounded(none),
    ofCompleted: ratio('execution:completed'),
    ofOutput: ratio('execution:output'),
  });
}
console.table(subscribers);

// The same with a webhook that wants all of these events: of another project, of this project but with another tag, and of all
// executions of this project.
const cipher = new SecretCipher({ SECRETS_KEY: `bench:${randomBytes(32).toString('base64')}` });
const hooks = new WebhookRegistry(database, new SigningSecrets(database, cipher), {
  MAX_SECRETS_PER_WEBHOOK: 1,
  MAX_WEBHOOKS_PER_PROJECT: 1,
});
const KINDS = {
  none: undefined,
  otherProject: { projectId: 'other' },
  otherTag: { projectId: 'bench', tag: 'other' },
  all: { projectId: 'bench' },
} as const;
const webhooks = [];
for (const [writers, window] of LOADS) {
  const rates: Record<keyof typeof KINDS, number[]> = { none: [], otherProject: [], otherTag: [], all: [] };
  for (let round = 0; round < ROUNDS; round += 1)
    for (const kind of Object.keys(KINDS) as (keyof typeof KINDS)[]) {
      const wanted = KINDS[kind];
      if (wanted) {
        const url = 'http://127.0.0.1:9/';
        const format = { events: [draft.type], enabled: true, payload: 'full' as const, cloudEvents: false };
        const filter = 'tag' in wanted ? { tag: wanted.tag } : {};
        await hooks.put(wanted.projectId, 'bench', { url, ...format, ...filter }, 'bench');
      }
      rates[kind].push(await throughJournal(writers, window));
      if (wanted) await hooks.remove(wanted.projectId, 'bench');
    }
  const none = quantile(rates.none, 0.5);
  const ratio = (kind: keyof typeof KINDS) => rounded(quantile(rates[kind], 0.5) / none, 2);
  webhooks.push({
    executions: writers,
    unconfirmed: window,
    noWebhook: rounded(none),
    ofOtherProject: ratio('otherProject'),
    ofOtherTag: ratio('otherTag'),
    ofAll: ratio('all'),
  });
}
console.table(webhooks);
// The real server below would otherwise take these executions over.
await database.pool.query('DELETE FROM cloutagent.executions');
detector.onModuleDestroy();
presence.onModuleDestroy();
await presence.onApplicationShutdown();
await listener.onApplicationShutdown();
await database.onApplicationShutdown();

// Latency, over real HTTP from another process.
const child = spawn(process.execPath, ['dist/main.js'], {
  env: { PATH: process.env['PATH'], PORT: '0', DATABASE_URL: server.url, BOOTSTRAP_API_KEY: KEY },
});
const base = await new Promise<string>((resolve) => {
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
    const url = /listens on (\S+);/.exec(output)?.[1];
    if (url) resolve(url);
  });
});
const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };

async function startExecution(chunks: number, delayMs: number): Promise<string> {
  const config = { model: 'demo/echo', prompt: 'p', providerOptions: { demo: { chunks, delayMs } } };
  const body = JSON.stringify({
    projectId: 'bench',
    input: null,
    workflow: { nodes: [{ id: 'a', type: 'agent', data: { config } }] },
  });
  const response = await fetch(`${base}/api/executions`, { method: 'POST', headers, body });
  return ((await response.json()) as { id: string }).id;
}

/** Calls `onEvent` with each event's type, timestamp and time of arrival, until the stream ends. */
function watch(
  id: string,
  onEvent: (type: string, timestamp: number, arrived: number) => void,
): Promise<void> {
  return new Promise((resolve) => {
    get(`${base}/api/executions/${id}/stream`, { headers }, (response) => {
      let rest = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        const arrived = performance.timeOrigin + performance.now();
        const frames = (rest + text).split('\n\n');
        rest = frames.pop() ?? '';
        for (const frame of frames) {
          const type = /^event: (.+)$/m.exec(frame)?.[1];
          const timestamp = /"timestamp":"([^"]+)"/.exec(frame)?.[1];
          if (type && timestamp) onEvent(type, Date.parse(timestamp), arrived);
        }
      });
      response.on('end', resolve);
    });
  });
}

const toWatcher: number[] = [];
await watch(await startExecution(1_000, 10), (type, timestamp, arrived) => {
  if (type === 'execution:output') toWatcher.push(arrived - timestamp);
});
const toStarted: number[] = [];
for (let n = 0; n < 220; n += 1) {
  const posted = performance.timeOrigin + performance.now();
  const id = await startExecution(1, 0);
  await watch(id, (type, _timestamp, arrived) => {
    // The first 20 executions warm up the server.
    if (type === 'execution:started' && n >= 20) toStarted.push(arrived - posted);
  });
}
const latency = [
  {
    what: 'event to watcher, 100 events/s (ms)',
    median: rounded(quantile(toWatcher, 0.5), 1),
    p99: rounded(quantile(toWatcher, 0.99), 1),
  },
  {
    what: "POST to watcher's execution:started (ms)",
    median: rounded(quantile(toStarted, 0.5), 1),
    p99: rounded(quantile(toStarted, 0.99), 1),
  },
];
console.table(latency);

child.kill('SIGTERM');
await new Promise((resolve) => child.once('exit', resolve));
await server.stop();
await rm(folder, { recursive: true, force: true });
await mkdir(new URL('results/', import.meta.url), { recursive: true });
const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
await writeFile(
  new URL('results/journal.json', import.meta.url),
  `${JSON.stringify({ at: new Date().toISOString(), machine, throughput, subscribers, webhooks, latency }, null, 2)}\n`,
);
