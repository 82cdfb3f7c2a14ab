import { Global, Module } from '@nestjs/common';
import { SecretRedactor } from '../../src/config/secret-redactor.js';
import type { Database } from '../../src/database/database.js';
import type { ProcessIdentity } from '../../src/database/process-identity.js';
import { ExecutionRedactors } from '../../src/secrets/execution-redactors.js';

/**
 * Makes redactors that know the server's own secrets, for tests that need no database: their executions use no secrets of
 * projects, so nothing is read or recorded.
 */
export const serverRedactors = (secrets: SecretRedactor): ExecutionRedactors =>
  new ExecutionRedactors(secrets, {} as Database, {} as ProcessIdentity);

/** Provides `serverRedactors` in the place of the module of secrets. It is global, as that module is. */
@Global()
@Module({
  providers: [{ provide: ExecutionRedactors, useFactory: serverRedactors, inject: [SecretRedactor] }],
  exports: [ExecutionRedactors],
})
export class ServerRedactorsModule {}
