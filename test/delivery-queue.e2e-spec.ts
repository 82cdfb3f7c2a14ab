import { randomUUID } from 'node:crypto';
import { parseSettings, type Settings } from '../src/config/settings.js';
import { Database } from '../src/database/database.js';
import { ProcessIdentity } from '../src/database/process-identity.js';
import { type ClaimedDelivery, DeliveryQueue } from '../src/deliveries/delivery-queue.js';
import type { DurableSubscriber } from '../src/deliveries/durable-subscriber.js';
import { SubscriberRegistry } from '../src/deliveries/subscriber-registry.js';
import { createDatabase } from './support/server.js';

const subscriberOf = (...types: DurableSubscriber['types']): DurableSubscriber => ({
  id: 'listener:test',
  types,
  deliver: () => Promise.resolve(),
});

describe('the queue of deliveries', () => {
  let settings: Settings;
  let database: Database;
  let registry: SubscriberRegistry;
  let queue: DeliveryQueue;

  beforeEach(async () => {
    settings = parseSettings({ DATABASE_URL: await createDatabase() });
    database = await Database.connect(settings);
    registry = new SubscriberRegistry(database);
    queue = new DeliveryQueue(database, new ProcessIdentity(), settings);
  });

  afterEach(() => database.onApplicationShutdown());

  const register = async (subscriber: DurableSubscriber) => {
    await registry.register(subscriber);
    await registry.backfill(subscriber.id);
  };
  const execute = async (): Promise<string> => {
    const id = randomUUID();
    await database.pool.query(
      `INSERT INTO cloutagent.executions (id, project_id, status, input, workflow, options, created_by)
       VALUES ($1, 'test', 'running', 'null', '{"nodes":[]}', '{}', 'test')`,
      [id],
    );
    return id;
  };
  const append = (id: string, sequence: number, type: string) =>
    database.pool.query(
      `INSERT INTO cloutagent.events (execution_id, sequence, type, data) VALUES ($1, $2, $3, '{}')`,
      [id, sequence, type],
    );

  it('does not let a process claim what it delivers already', async () => {
    const subscriber = subscriberOf('execution:step');
    await register(subscriber);
    const [one, two] = [await execute(), await execute()];
    for (const id of [one, two]) await append(id, 1, 'execution:step');
    const claimed = await queue.claim(subscriber, 10, [one]);
    expect(claimed.map(({ executionId }) => executionId)).toEqual([two]);
  });

  const results: [string, (subscriber: DurableSubscriber, claimed: ClaimedDelivery) => Promise<unknown>][] = [
    ['the position of a run that continues', (subscriber, claimed) => queue.advance(subscriber, claimed, 3)],
    ['the position of a run that has ended', (subscriber, claimed) => queue.release(subscriber, claimed, 3)],
    ['the end of an execution', (subscriber, claimed) => queue.finish(subscriber, claimed)],
    [
      'a failure',
      (subscriber, claimed) =>
        queue.fail(subscriber, claimed, { position: 2, sequence: 3, attempts: 1, error: 'x', retryMs: 1 }),
    ],
  ];
  it.each(results)(
    'does not store %s if a registration has changed the types during the run',
    async (_what, store) => {
      const old = subscriberOf('execution:completed');
      await register(old);
      const id = await execute();
      await append(id, 1, 'execution:completed');
      const [claimed] = await queue.claim(old, 10, []);
      const renewed = subscriberOf('execution:completed', 'execution:step');
      await register(renewed);
      await append(id, 2, 'execution:step');
      await append(id, 3, 'execution:completed');
      // The run has read its page just now: it has seen event 3, and has no use for event 2.
      await store(old, claimed!);
      expect(await queue.claim(renewed, 10, [])).toMatchObject([
        { executionId: id, position: 0, target: 3, attempts: 0 },
      ]);
    },
  );
});
