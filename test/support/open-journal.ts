import { EventEmitter2 } from '@nestjs/event-emitter';
import { randomUUID } from 'node:crypto';
import { DeathDetector } from '../../src/cluster/death-detector.js';
import { ProcessPresence } from '../../src/cluster/process-presence.js';
import { SecretRedactor } from '../../src/config/secret-redactor.js';
import { parseSettings } from '../../src/config/settings.js';
import { Database } from '../../src/database/database.js';
import { Listener } from '../../src/database/listener.js';
import { ProcessIdentity } from '../../src/database/process-identity.js';
import { EventBus } from '../../src/events/event-bus.js';
import { EventNotifier } from '../../src/journal/event-notifier.js';
import { Journal } from '../../src/journal/journal.js';
import { JournalReader } from '../../src/journal/journal-reader.js';
import { PostgresNotifications } from '../../src/journal/notifications/postgres-notifications.js';
import { ExecutionRedactors } from '../../src/secrets/execution-redactors.js';
import { UnownedAppend } from '../../src/journal/unowned-append.js';

/** Opens a journal on a real database, with the parts that it has in an application. */
export async function openJournal(url: string, more: Record<string, string> = {}) {
  const settings = parseSettings({ DATABASE_URL: url, ...more });
  const database = await Database.connect(settings);
  const identity = new ProcessIdentity();
  const listener = new Listener(url, identity.value);
  await listener.open();
  const presence = new ProcessPresence(database, listener, identity, settings);
  await presence.onModuleInit();
  const detector = new DeathDetector(presence, identity, settings);
  const transport = new PostgresNotifications(database, listener, identity, detector);
  const notifier = new EventNotifier(transport, detector);
  const redactors = new ExecutionRedactors(SecretRedactor.of(settings), database, identity);
  const reader = new JournalReader(database);
  const unowned = new UnownedAppend(database, reader, redactors);
  const bus = new EventBus(new EventEmitter2());
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
    settings,
  );
  journal.onModuleInit();
  return {
    database,
    bus,
    journal,
    /** Inserts an execution that this process owns, at attempt 1. */
    async own(): Promise<string> {
      const id = randomUUID();
      await database.pool.query(
        `INSERT INTO cloutagent.executions (id, project_id, status, input, workflow, options, created_by, owner, attempt)
         VALUES ($1, 'test', 'running', 'null', '{"nodes":[]}', '{}', 'test', $2, 1)`,
        [id, identity.value],
      );
      return id;
    },
    async close(): Promise<void> {
      journal.onModuleDestroy();
      presence.onModuleDestroy();
      await presence.onApplicationShutdown();
      await listener.onApplicationShutdown();
      await database.onApplicationShutdown();
    },
  };
}
