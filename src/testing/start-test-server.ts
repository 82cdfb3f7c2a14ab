import { CloutAgent } from '@cloutagent/client';
import type { Abstract, ModuleMetadata, Type } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { TestCluster, type TestDatabase } from './test-cluster.js';

export interface TestServerOptions {
  /** Modules of your team. */
  imports?: NonNullable<ModuleMetadata['imports']>;
  /**
   * Settings by name, as strings. With DATABASE_URL the server uses that database, and the embedded PostgreSQL does not
   * start. By default the server has a free port, and a failed attempt or delivery is repeated after about 5 ms.
   */
  settings?: Readonly<Record<string, string>>;
}

/** A server for tests. Call `stop` when the tests have ended. */
export interface TestServer {
  /** Address without a slash at its end, such as `http://127.0.0.1:40123`. */
  readonly url: string;
  /** A client that uses `adminKey`. */
  readonly client: CloutAgent;
  /** An API key with all scopes for all projects. */
  readonly adminKey: string;
  /**
   * Returns a provider of any module, such as a node type for `testRun`, or a listener whose state a test checks.
   * @throws Error if no module has the provider
   */
  get<T>(provider: Type<T> | Abstract<T>): T;
  /** Stops the server and deletes its database. The last server stops the embedded PostgreSQL too. */
  stop(): Promise<void>;
}

/**
 * Starts the real server in this process, with an empty database of its own. All servers of a process share one embedded
 * PostgreSQL, which starts with the first one.
 * @throws EmbeddedPostgresError if there is no embedded PostgreSQL for this machine; InvalidSettingsError
 * @example
 * ```ts
 * import { startTestServer, type TestServer } from '@cloutagent/server/testing';
 *
 * let server: TestServer;
 * beforeAll(async () => {
 *   server = await startTestServer({ imports: [TeamModule] });
 * }, 30_000);
 * afterAll(() => server.stop());
 *
 * it('writes in capitals', async () => {
 *   const { id } = await server.client.executions.start({
 *     projectId: 'demo',
 *     workflow: {
 *       nodes: [{ id: 'a', type: 'uppercase', data: { config: { text: '{{input}}' } } }],
 *       edges: [],
 *     },
 *     input: 'hello',
 *   });
 *   const { output } = await server.client.executions.waitForEnd(id);
 *   expect(output).toBe('HELLO');
 * });
 * ```
 */
export async function startTestServer({
  imports = [],
  settings = {},
}: TestServerOptions = {}): Promise<TestServer> {
  const { createApp } = await import('../create-app.js');
  const { parseSettings } = await import('../config/settings.js');
  const adminKey = settings['BOOTSTRAP_API_KEY'] ?? `test_${randomBytes(24).toString('base64url')}`;
  const database = settings['DATABASE_URL'] === undefined ? await TestCluster.createDatabase() : undefined;
  try {
    const parsed = parseSettings({
      PORT: '0',
      RETRY_BASE_MS: '5',
      DELIVERY_RETRY_BASE_MS: '5',
      BOOTSTRAP_API_KEY: adminKey,
      ...(database && { DATABASE_URL: database.url }),
      ...settings,
    });
    const app = await createApp(parsed, imports);
    try {
      await app.listen(parsed.PORT, parsed.HOST);
      const url = await app.getUrl();
      let stopping: Promise<void> | undefined;
      return {
        url,
        adminKey,
        client: new CloutAgent({ baseUrl: url, apiKey: adminKey }),
        get: (provider) => app.get(provider, { strict: false }),
        stop: () => (stopping ??= stop(app, database)),
      };
    } catch (error) {
      await app.close();
      throw error;
    }
  } catch (error) {
    await database?.drop();
    throw error;
  }
}

async function stop(app: { close(): Promise<void> }, database: TestDatabase | undefined): Promise<void> {
  try {
    await app.close();
  } finally {
    await database?.drop();
  }
}
