import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ConsoleLogger, type DynamicModule } from '@nestjs/common';
import { AppModule } from './app.module.js';
import type { Settings } from './config/settings.js';
import { configureApp } from './configure-app.js';
import { configureEdges } from './http-edges.js';
import { HttpMetrics } from './operations/http-metrics.js';
import { serveDocument } from './openapi/openapi.js';

const LEVELS = ['fatal', 'error', 'warn', 'log', 'debug'] as const;

/** The application, ready to listen. */
export async function createApp(
  settings: Settings,
  extensions: NonNullable<DynamicModule['imports']> = [],
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(settings, extensions), {
    bodyParser: false,
    forceCloseConnections: true,
    abortOnError: false,
    // What goes wrong while it is put together is thrown, and told by whoever called.
    logger: false,
  });
  // A logger of its own: a list of levels would only set those of the one that was turned off above.
  const logLevels = LEVELS.slice(0, LEVELS.indexOf(settings.LOG_LEVEL) + 1);
  app.useLogger(new ConsoleLogger({ logLevels }));
  app.use(app.get(HttpMetrics).observe);
  configureApp(app, settings);
  configureEdges(app, settings);
  serveDocument(app);
  return app;
}
