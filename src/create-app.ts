import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { DynamicModule } from '@nestjs/common';
import { AppModule } from './app.module.js';
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

/**
 * Creates the application, ready to listen.
 * @param extensions modules of other teams
 */
export async function createApp(
  settings: Settings,
  extensions: NonNullable<DynamicModule['imports']> = [],
): Promise<NestExpressApplication> {
  const adapter = new GracefulAdapter(settings.SHUTDOWN_TIMEOUT_MS * DRAIN_SHARE);
  const app = await NestFactory.create<NestExpressApplication>(
    AppModule.forRoot(settings, extensions),
    adapter,
    {
      bodyParser: false,
      // A failure is thrown, and the caller reports it.
      abortOnError: false,
      logger: false,
    },
  );
  app.useLogger(new AppLogger(settings, app.get(SecretRedactor)));
  app.use(app.get(HttpMetrics).observe);
  configureApp(app, settings);
  configureServerLimits(app, settings);
  serveDocument(app);
  return app;
}
