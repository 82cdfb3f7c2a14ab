import 'reflect-metadata';
import { Logger, type ModuleMetadata } from '@nestjs/common';
import { ApiKeysService } from './auth/api-keys.service.js';
import { InvalidSettingsError, parseSettings, type Settings } from './config/settings.js';
import { SecretRedactor } from './config/secret-redactor.js';
import { createApp } from './create-app.js';
import { DatabaseError } from './database/database.js';
import { EmbeddedPostgresError } from './database/embedded-postgres.error.js';
import { EmbeddedPostgres } from './database/embedded-postgres.js';
import { AppLogger } from './logging/app-logger.js';
import { firstKey, startupMessage } from './startup-message.js';

type Imports = NonNullable<ModuleMetadata['imports']>;

const logger = new Logger('Main');
let secrets = new SecretRedactor();

/**
 * Whether a signal has arrived during the start. The start then stops at the next possible moment and shuts down in order,
 * above all the embedded PostgreSQL. A second signal ends the process at once.
 */
let hasSignal = false;
let onSignal = (): void => {
  if (hasSignal) process.exit(1);
  hasSignal = true;
};

/** Does what `runServer` describes. It is a file of its own, so that `runServer` enables the compile cache before this loads. */
export async function startServer(
  environment: Record<string, string | undefined>,
  imports: Imports,
): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => onSignal());
  try {
    await start(environment, imports);
  } catch (error) {
    console.error(`CloutAgent Executions cannot start: ${secrets.text(explain(error))}`);
    process.exit(1);
  }
}

async function start(environment: Record<string, string | undefined>, imports: Imports): Promise<void> {
  if (environment === process.env) loadEnvFile();
  const settings = parseSettings(environment);
  secrets = SecretRedactor.of(settings);
  Logger.overrideLogger(new AppLogger(settings, secrets));
  const embedded =
    settings.DATABASE_URL === undefined ? await EmbeddedPostgres.start(settings.DATA_DIR) : undefined;
  try {
    if (hasSignal) {
      await embedded?.stop();
      process.exit(0);
    }
    await serve(embedded ? await embedded.complete(settings) : settings, imports, embedded);
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

/** @throws InvalidSettingsError if the file exists and cannot be read */
function loadEnvFile(): void {
  try {
    process.loadEnvFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new InvalidSettingsError(`the file .env cannot be read: ${(error as Error).message}`, {
        cause: error,
      });
  }
}

async function serve(
  settings: Settings,
  imports: Imports,
  embedded: EmbeddedPostgres | undefined,
): Promise<void> {
  const app = await createApp(settings, imports);
  let stopping: Promise<void> | undefined;
  const stop = (code: number) => {
    // A second signal ends the process at once, and so does a shutdown that takes too long.
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
  if (hasSignal) {
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
  for (const notice of embedded?.notices ?? []) log.show(notice, 'Main');
  log.show(startupMessage(url), 'Main');
  if (key !== undefined) console.log(firstKey(url, key));
}

/** Describes a failure of the start in a sentence. Unknown errors are shown with their stack. */
function explain(error: unknown): string {
  const { code, port, address } = error as { code?: string; port?: number; address?: string };
  if (code === 'EADDRINUSE')
    return `port ${port} on ${address} is already in use. Stop the program that listens there, or set PORT to another port, for example PORT=3001`;
  if (code === 'EACCES' && port !== undefined)
    return `this user may not listen on port ${port}. Set PORT to a port above 1023, for example PORT=3000`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `HOST is not an address of this machine (${(error as Error).message}). Set it to such an address, for example 127.0.0.1, or to 0.0.0.0 for all of them`;
  if (
    error instanceof InvalidSettingsError ||
    error instanceof DatabaseError ||
    error instanceof EmbeddedPostgresError
  )
    return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
