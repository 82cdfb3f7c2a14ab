import type { EventType, PutWebhookInput, Webhook, WebhookWithSecret } from '@cloutagent/contract';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseControl } from './support/database-control.js';
import { createDatabase, Server } from './support/server.js';
import { agent, delay, pathOf, start, TERMINAL, Watch } from './support/watch.js';
import { type ReceivedEvent, refuse, take, verify, WebhookReceiver } from './support/webhook-receiver.js';

const KILLS = 10;
const DEADLINE_MS = 90_000;
const STEPS: EventType[] = ['execution:step', 'execution:completed'];
const CHUNKS: EventType[] = ['execution:output', 'execution:step', 'execution:completed'];

/** A receiver, and the webhook that posts to it. */
interface Party {
  readonly receiver: WebhookReceiver;
  readonly types: readonly EventType[];
  readonly secret: string;
}

async function until<T>(read: () => Promise<T>, isDone: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await read();
    if (isDone(value)) return value;
    if (Date.now() > deadline) throw new Error(`not reached in time: ${JSON.stringify(value).slice(0, 900)}`);
    await sleep(50);
  }
}

/** Answers an event by the number of the attempt, beginning at 1. */
function byAttempt(answer: (attempt: number, event: ReceivedEvent) => typeof take): typeof take {
  const attempts = new Map<string, number>();
  return (event, response) => {
    const attempt = (attempts.get(event.id) ?? 0) + 1;
    attempts.set(event.id, attempt);
    answer(attempt, event)(event, response);
  };
}
const never: typeof take = () => undefined;

describe('webhooks while processes are killed', () => {
  let database: DatabaseControl;
  let settings: Record<string, string>;
  const servers: Server[] = [];
  const receivers: WebhookReceiver[] = [];

  beforeAll(async () => {
    const url = await createDatabase();
    settings = {
      DATABASE_URL: url,
      SECRETS_KEY: `first:${randomBytes(32).toString('base64')}`,
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      JOURNAL_POLL_INTERVAL_MS: '200',
      MAX_RECOVERIES_PER_EXECUTION: '1000',
      // Fewer slots than webhooks, so that those which hang could take all of them.
      MAX_WEBHOOK_DELIVERIES_PER_PROCESS: '8',
      MAX_DELIVERIES_PER_WEBHOOK: '3',
      WEBHOOK_RETRY_DELAYS_MS: Array(50).fill(20).join(','),
      WEBHOOK_TIMEOUT_MS: '2000',
    };
    servers.push(await Server.start(settings), await Server.start(settings));
    database = await DatabaseControl.open(url);
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill('SIGTERM')));
    await Promise.all(receivers.map((receiver) => receiver.close()));
    await database.close();
  });

  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await servers[0]!.call(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body as T;
  };
  const pathTo = (name: string) => `/api/webhooks/demo/${name}`;
  const get = (name: string) => call<Webhook>('GET', pathTo(name));
  const listen = async (): Promise<WebhookReceiver> => {
    const receiver = await WebhookReceiver.start();
    receivers.push(receiver);
    return receiver;
  };
  const join = async (
    name: string,
    answer: typeof take,
    more: Partial<PutWebhookInput> & { events: EventType[] },
  ): Promise<Party> => {
    const receiver = await listen();
    receiver.answer = answer;
    const { secret } = await call<WebhookWithSecret>('PUT', pathTo(name), { url: receiver.url, ...more });
    return { receiver, types: more.events, secret: secret! };
  };
  const recorded = async (id: string, types: readonly EventType[]): Promise<number[]> =>
    (
      await database.rows<{ sequence: number }>(
        'SELECT sequence FROM cloutagent.events WHERE execution_id = $1 AND type = ANY ($2) ORDER BY sequence',
        [id, types],
      )
    ).map(({ sequence }) => sequence);
  /** Checks that a receiver has taken all events in order, signed, and was sent none before it had taken the ones before. */
  const check = async (name: string, { receiver, types, secret }: Party, ids: readonly string[]) => {
    for (const event of receiver.events) verify(secret, event);
    for (const id of ids) {
      const expected = await recorded(id, types);
      expect([name, id, receiver.taken(id)]).toEqual([name, id, expected]);
      const firstSent = receiver.events.filter(({ executionId }) => executionId === id);
      expect([...new Set(firstSent.map(({ sequence }) => sequence))]).toEqual(expected);
    }
  };

  it('deliver all events at least once and in order to receivers that fail, hang, redirect, throttle or leave', async () => {
    const trap = await listen();
    const parties: Record<string, Party> = {
      steady: await join('steady', take, { events: CHUNKS }),
      thin: await join('thin', take, { events: STEPS, payload: 'thin', cloudEvents: true }),
      failing: await join(
        'failing',
        byAttempt((attempt) => (attempt < 3 ? refuse(500) : take)),
        { events: STEPS },
      ),
      hanging: await join(
        'hanging',
        byAttempt((attempt, { sequence }) => (attempt === 1 && sequence % 5 === 0 ? never : take)),
        { events: STEPS },
      ),
      redirecting: await join(
        'redirecting',
        byAttempt((attempt) => (attempt === 1 ? refuse(307, { location: trap.url }) : take)),
        { events: STEPS },
      ),
      busy: await join(
        'busy',
        byAttempt((attempt, { executionId }) =>
          attempt === 1 && /[0-3]$/.test(executionId) ? refuse(429, { 'retry-after': '1' }) : take,
        ),
        { events: ['execution:completed'] },
      ),
    };
    const dead: Record<string, Party> = {};
    for (let n = 0; n < 4; n += 1) dead[`dead-${n}`] = await join(`dead-${n}`, never, { events: STEPS });
    let requests = 0;
    const leaving = await join('leaving', (...args) => (++requests < 5 ? take : refuse(410))(...args), {
      events: STEPS,
    });
    const { receiver: steady } = parties['steady']!;

    const ids: string[] = [];
    const graph = start(
      [agent('a', { chunks: 15, delayMs: 20 }), delay('b', 5), agent('c', { chunks: 5, delayMs: 20 })],
      [
        ['a', 'b'],
        ['b', 'c'],
      ],
    );
    for (let kills = 0; kills < KILLS; kills += 1) {
      const before = steady.events.length;
      for (const server of servers) ids.push(await server.startExecution(graph));
      await until(
        async () => steady.events.length,
        (count) => count > before + 15,
      );
      // Both are killed in turn, so the other one takes over.
      await servers[kills % 2]!.kill('SIGKILL');
      servers[kills % 2] = await Server.start(settings);
    }
    for (const id of ids)
      await new Watch(servers[0]!.url, pathOf(id)).until(({ frames }) =>
        TERMINAL.test(frames.at(-1)?.type ?? ''),
      );
    // The executions ended, and the others got everything, while four receivers have taken nothing.
    for (const name of Object.keys(parties))
      await until(
        () => get(name),
        ({ pending, dead: none }) => pending === 0 && none === 0,
      );
    for (const [name, { receiver }] of Object.entries(dead)) {
      const { pending, dead: given } = await get(name);
      expect([name, pending + given]).toEqual([name, ids.length]);
      expect(receiver.events.length).toBeGreaterThan(0);
      expect(receiver.events.filter(({ isTaken }) => isTaken)).toEqual([]);
    }
    for (const [name, party] of Object.entries(parties)) await check(name, party, ids);
    expect(trap.events).toEqual([]);

    expect(await get('leaving')).toMatchObject({
      enabled: false,
      disabledReason: expect.stringContaining('410') as string,
    });
    leaving.receiver.answer = take;
    await call('PUT', pathTo('leaving'), { url: leaving.receiver.url, events: STEPS });
    for (const { receiver } of Object.values(dead)) receiver.answer = take;
    for (const name of [...Object.keys(dead), 'leaving']) {
      const { dead: given } = await until(
        () => get(name),
        ({ pending }) => pending === 0,
      );
      if (given > 0) await call('POST', `${pathTo(name)}/replay`, { from: '2020-01-01T00:00:00.000Z' });
      await until(
        () => get(name),
        ({ pending, dead: none }) => pending === 0 && none === 0,
      );
    }
    for (const [name, party] of Object.entries({ ...dead, leaving })) await check(name, party, ids);
    expect(await database.rows('SELECT FROM cloutagent.webhook_queue')).toEqual([]);
  }, 600_000);

  it('continue in another process when one hangs, and the one that hung changes nothing afterwards', async () => {
    const [first, second] = servers as [Server, Server];
    const lease = { DELIVERY_LEASE_MS: '300' };
    const hung = await Server.start({ ...settings, ...lease, WEBHOOK_TIMEOUT_MS: '60000' });
    await Promise.all([first.kill('SIGTERM'), second.kill('SIGTERM')]);
    servers.splice(0, 2, hung);
    const open: (() => void)[] = [];
    const party = await join('slow', (event, response) => void open.push(() => take(event, response)), {
      events: STEPS,
    });
    const id = await hung.startExecution(start([delay('a', 1)]));
    await until(
      async () => open.length,
      (count) => count === 1,
    );
    await new Watch(hung.url, pathOf(id)).until(({ frames }) => TERMINAL.test(frames.at(-1)?.type ?? ''));
    hung.process.kill('SIGSTOP');
    const other = await Server.start({ ...settings, ...lease });
    servers[0] = other;
    servers.push(hung);
    await until(
      async () => open.length,
      (count) => count === 2,
    );
    hung.process.kill('SIGCONT');
    // The answer to the first request comes while the second one is under way.
    open[0]!();
    party.receiver.answer = take;
    open[1]!();
    await until(
      () => get('slow'),
      ({ pending }) => pending === 0,
    );
    await check('slow', party, [id]);
    const { deliveries } = await call<{ deliveries: { sequence: number; status: string }[] }>(
      'GET',
      `${pathTo('slow')}/deliveries?executionId=${id}`,
    );
    // Each event is recorded as delivered once: the process that hung has lost its claim.
    expect(deliveries.map(({ sequence }) => sequence).toReversed()).toEqual(await recorded(id, STEPS));
    expect(new Set(deliveries.map(({ status }) => status))).toEqual(new Set(['delivered']));
  });
});
