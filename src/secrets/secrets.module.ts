import { Global, Module } from '@nestjs/common';
import { ExecutionRedactors } from './execution-redactors.js';

/** Provides the redactors of executions. It is global, as the redactor of the server's own secrets is. */
@Global()
@Module({
  providers: [ExecutionRedactors],
  exports: [ExecutionRedactors],
})
export class SecretsModule {}
