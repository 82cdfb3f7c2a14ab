import { NestFactory } from '@nestjs/core';
// Also a public class of Nest, though not exported from its index.
import { NestFactoryStatic } from '@nestjs/core/nest-factory.js';
import type { ExpressAdapter, NestExpressApplication } from '@nestjs/platform-express';
import { type AppOptions, checkOptions } from './app-options.js';
import { AppModule, type Composition } from './app.module.js';
import { SecretRedactor } from './config/secret-redactor.js';
import type { Settings } from './config/settings.js';
import { configureApp } from './configure-app.js';
import { GracefulAdapter } from './graceful-adapter.js';
import { configureServerLimits } from './http-server-limits.js';
import { AppLogger } from './logging/app-logger.js';
import { HttpMetrics } from './operations/http-metrics.js';
import { serveDocument } from './serve-document.js';

/** Share of SHUTDOWN_TIMEOUT_MS for ending connections. The rest is for closing the database and what else follows. */
const DRAIN_SHARE = 0.75;

/** How long connections, or requests, may take to end in a shutdown. */
export const drainMs = ({ SHUTDOWN_TIMEOUT_MS }: Pick<Settings, 'SHUTDOWN_TIMEOUT_MS'>): number =>
  SHUTDOWN_TIMEOUT_MS * DRAIN_SHARE;

/**
 * Creates the application, ready to listen.
 * @param options modules of other teams, and parts that replace parts of the server; a list means `imports`
 * @throws InvalidOptionsError, InvalidSettingsError, DatabaseError
 * @example
 * ```ts
 * const app = await createApp(parseSettings(process.env), {
 *   imports: [TeamModule],
 *   throttlerStorage: new RedisStorage(),
 *   prices: { 'acme/large': { input: 2, output: 8 } },
 * });
 * await app.listen(3000);
 * ```
 */
export async function createApp(
  settings: Settings,
  options: AppOptions | NonNullable<AppOptions['imports']> = {},
): Promise<NestExpressApplication> {
  const given = Array.isArray(options) ? { imports: options } : options;
  checkOptions(given);
  const app = await NestFactory.create<NestExpressApplication>(
    AppModule.forRoot(settings, given),
    new GracefulAdapter(drainMs(settings)),
    {
      bodyParser: false,
      // A failure is thrown, and the caller reports it.
      abortOnError: false,
      logger: false,
    },
  );
  app.useLogger(new AppLogger(settings, app.get(SecretRedactor)));
  configureServerLimits(app, settings);
  configure(app, settings);
  return app;
}

/**
 * Creates the application that runs inside another Nest application. It has a container of its own and uses the logger of
 * the host. The caller calls `init` and `close`, and passes requests to `adapter`.
 * @throws InvalidOptionsError, InvalidSettingsError, DatabaseError
 */
export async function createInnerApp(
  settings: Settings,
  composition: Composition,
  adapter: ExpressAdapter,
): Promise<NestExpressApplication> {
  checkOptions(composition);
  // A factory of its own, because a factory keeps options of the application that it created last, such as abortOnError,
  // and the host is being created at this moment.
  const factory = new NestFactoryStatic();
  const app = await factory.create<NestExpressApplication>(
    AppModule.forRoot(settings, composition),
    adapter,
    // Without autoFlushLogs the start would print the messages that the host still buffers.
    { bodyParser: false, abortOnError: false, autoFlushLogs: false },
  );
  configure(app, settings);
  return app;
}

function configure(app: NestExpressApplication, settings: Settings): void {
  app.use(app.get(HttpMetrics).observe);
  configureApp(app, settings);
  serveDocument(app);
}
