import type { Settings } from '../config/settings.js';
import type { Database } from '../database/database.js';
import type { CliStreams } from './cli-context.js';
import { CliError } from './cli-error.js';
import { EXIT } from './exit-codes.js';

/**
 * Runs work on the database of the servers, with their settings, which come from the environment.
 * @param required settings that must be set
 * @throws CliError if a setting is missing or wrong, or the database cannot be used
 */
export async function withDatabase<T>(
  streams: CliStreams,
  required: readonly (keyof Settings)[],
  work: (database: Database, settings: Settings) => Promise<T>,
): Promise<T> {
  const [{ InvalidSettingsError, parseSettings }, { Database, DatabaseError }] = await Promise.all([
    import('../config/settings.js'),
    import('../database/database.js'),
  ]);
  try {
    const settings = parseSettings(streams.environment);
    for (const name of required)
      if (settings[name] === undefined)
        throw new CliError(`Set ${name} as the servers have it: this command works on the database itself.`);
    const database = await Database.connect(settings);
    try {
      return await work(database, settings);
    } finally {
      await database.onApplicationShutdown();
    }
  } catch (error) {
    if (error instanceof InvalidSettingsError) throw new CliError(error.message);
    if (error instanceof DatabaseError) throw new CliError(`${error.message}.`, EXIT.server);
    throw error;
  }
}
