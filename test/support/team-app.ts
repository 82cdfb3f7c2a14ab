import type { DynamicModule, LoggerService } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { parseSettings } from '../../src/config/settings.js';
import { SECRET } from './auth-app.js';
import { ADMIN_KEY } from './server.js';

// The throttler is CommonJS, which Jest loads only once @nestjs/common is loaded.
const { createApp } = await import('../../src/create-app.js');

/** Shared, because the applications of a process share Nest's logger. */
const log: string[] = [];

/** The application as it is shipped, with modules of another team, in this process. */
export interface TeamApp {
  app: NestExpressApplication;
  url: string;
  /** The messages that all applications of the process have logged, with their errors. */
  log: string[];
}

/** Starts the application. Closes it again if the start fails. */
export async function startTeamApp(
  database: string,
  modules: NonNullable<DynamicModule['imports']>,
  settings: Record<string, string> = {},
): Promise<TeamApp> {
  const app = await createApp(
    parseSettings({
      DATABASE_URL: database,
      DATABASE_POOL_SIZE: '3',
      BOOTSTRAP_API_KEY: ADMIN_KEY,
      JWT_SECRET: SECRET,
      ...settings,
    }),
    modules,
  );
  const record = (...messages: unknown[]) => void log.push(messages.map(String).join(' '));
  const logger: LoggerService = { log: () => undefined, warn: record, error: record, fatal: record };
  app.useLogger(logger);
  try {
    await app.listen(0, '127.0.0.1');
  } catch (error) {
    await app.close();
    throw error;
  }
  return { app, url: await app.getUrl(), log };
}
