import pg from 'pg';
import type { Settings } from '../../config/settings.js';

/** Makes the client of a check of the database. It is not connected. */
export function doctorClient(settings: Settings, more: pg.ClientConfig = {}): pg.Client {
  const client = new pg.Client({
    connectionString: settings.DATABASE_URL,
    connectionTimeoutMillis: settings.DATABASE_CONNECT_TIMEOUT_MS,
    application_name: 'cloutagent-doctor',
    ...more,
  });
  // A connection that breaks fails its query as well.
  client.on('error', () => undefined);
  return client;
}
