import { requireNodeVersion } from './common/node-version.js';
import type { ModuleMetadata } from '@nestjs/common';
import nodeModule from 'node:module';
import { COMPILE_CACHE } from './compile-cache.js';

/**
 * Runs the server in this process, as `cloutagent serve` and `npm start` do. It starts the embedded PostgreSQL unless
 * DATABASE_URL is set, prints the first administrator key of a new database, and stops in order at SIGTERM and SIGINT. A
 * start that fails is explained on stderr and ends the process with code 1. Call it once in a process.
 * @param environment the settings by name, as strings. With `process.env`, a file `.env` in the working directory is
 *   loaded into it first
 * @param imports modules of other teams
 * @returns a promise that resolves when the server listens
 * @example
 * ```ts
 * import { runServer } from '@cloutagent/server';
 * import { TeamModule } from './team.module.js';
 *
 * await runServer(process.env, [TeamModule]);
 * ```
 */
export async function runServer(
  environment: Record<string, string | undefined>,
  imports: NonNullable<ModuleMetadata['imports']> = [],
): Promise<void> {
  requireNodeVersion();
  // Executions pause while their process restarts, and compiling modules is the largest part of that time. The cache applies
  // only to modules that are imported after this line. Node goes without it if the folder cannot be written.
  nodeModule.enableCompileCache(COMPILE_CACHE);
  const { startServer } = await import('./server.js');
  await startServer(environment, imports);
}
