import type { FactoryProvider } from '@nestjs/common';
import { DeathDetector } from '../../cluster/death-detector.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { Listener } from '../../database/listener.js';
import { ProcessIdentity } from '../../database/process-identity.js';
import { NotificationTransport } from './notification-transport.js';
import { PostgresNotifications } from './postgres-notifications.js';

/** Provides the transport that NATS_URL chooses. The code of NATS is loaded only if it is used. */
export const notificationTransport: FactoryProvider<NotificationTransport> = {
  provide: NotificationTransport,
  inject: [Settings, Database, Listener, ProcessIdentity, DeathDetector],
  useFactory: async (
    settings: Settings,
    ...parts: [Database, Listener, ProcessIdentity, DeathDetector]
  ): Promise<NotificationTransport> => {
    const postgres = new PostgresNotifications(...parts);
    const { NATS_URL } = settings;
    if (NATS_URL === undefined) return postgres;
    const { NatsClient } = await import('./nats-client.js');
    const { NatsNotifications } = await import('./nats-notifications.js');
    const client = new NatsClient({ ...settings, NATS_URL });
    return new NatsNotifications(client, postgres, settings.NATS_SUBJECT_PREFIX);
  },
};
