import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { ApiKeysService } from './auth/api-keys.service.js';
import { InvalidSettingsError, parseSettings, type Settings } from './config/settings.js';
import { SecretRedactor } from './config/secret-redactor.js';
import { createApp } from './create-app.js';
import { DatabaseError } from './database/database.js';
import { EmbeddedPostgres } from './database/embedded-postgres.js';
import { EmbeddedPostgresError } from './database/postgres-places.js';
import { AppLogger } from './logging/app-logger.js';
import { firstKey, startupMessage } from './startup-message.js';

const logger = new Logger('Main');
let secrets = new SecretRedactor();

/** While the server starts, a signal is remembered: what has been started, PostgreSQL above all, has to be stopped again. */
let signalled = false;
let onSignal = (): void => {
  if (signalled) process.exit(1);
  signalled = true;
};

async function main(): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => onSignal());
  try {
    process.loadEnvFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new InvalidSettingsError(`the file .env cannot be read: ${(error as Error).message}`, {
        cause: error,
      });
  }
  const given = parseSettings(process.env);
  secrets = SecretRedactor.of(given);
  Logger.overrideLogger(new AppLogger(given, secrets));
  const embedded =
    given.DATABASE_URL === undefined ? await EmbeddedPostgres.start(given.DATA_DIR) : undefined;
  try {
    if (signalled) {
      await embedded?.stop();
      process.exit(0);
    }
    await serve(embedded ? { ...given, DATABASE_URL: embedded.url } : given, embedded);
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

async function serve(settings: Settings, embedded: EmbeddedPostgres | undefined): Promise<void> {
  const app = await createApp(settings);
  let stopping: Promise<void> | undefined;
  const stop = (code: number) => {
    // A second signal, or a shutdown that hangs, ends it all the same.
    if (stopping) process.exit(1);
    setTimeout(() => {
      logger.error(`shutdown took longer than ${settings.SHUTDOWN_TIMEOUT_MS} ms (SHUTDOWN_TIMEOUT_MS)`);
      process.exit(1);
    }, settings.SHUTDOWN_TIMEOUT_MS).unref();
    stopping = app
      .close()
      .then(() => embedded?.stop())
      .then(
        () => process.exit(code),
        (error: Error) => {
          logger.error(`shutdown failed: ${error.message}`);
          process.exit(1);
        },
      );
  };
  onSignal = () => stop(0);
  if (signalled) {
    onSignal();
    return;
  }
  void embedded?.loss.then((reason) => {
    logger.fatal(reason);
    process.exit(1);
  });
  try {
    await app.listen(settings.PORT, settings.HOST);
  } catch (error) {
    await app.close();
    throw error;
  }
  const key =
    settings.BOOTSTRAP_API_KEY === undefined ? await app.get(ApiKeysService).createFirstKey() : undefined;
  const url = await app.getUrl();
  const log = new AppLogger(settings, app.get(SecretRedactor));
  for (const note of embedded?.notes ?? []) log.show(note, 'Main');
  log.show(startupMessage(url), 'Main');
  if (key !== undefined) console.log(firstKey(url, key));
}

/** What goes wrong at start is told in a sentence; a stack only for what is not known. */
function explain(error: unknown): string {
  const { code, port, address } = error as { code?: string; port?: number; address?: string };
  if (code === 'EADDRINUSE')
    return `port ${port} on ${address} is taken. Stop what listens there, or set PORT to another, for example PORT=3001`;
  if (code === 'EACCES' && port !== undefined)
    return `port ${port} may not be used by this user. Set PORT to one above 1023, for example PORT=3000`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `HOST is no address of this machine (${(error as Error).message}). Set it to one that is, for example 127.0.0.1, or 0.0.0.0 for all`;
  if (
    error instanceof InvalidSettingsError ||
    error instanceof DatabaseError ||
    error instanceof EmbeddedPostgresError
  )
    return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

main().catch((error: unknown) => {
  console.error(`CloutAgent Executions cannot start: ${secrets.text(explain(error))}`);
  process.exit(1);
});
