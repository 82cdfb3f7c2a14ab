import { Global, Module } from '@nestjs/common';
import { ExecutionRedactors } from './execution-redactors.js';

/**
 * Provides `ExecutionRedactors` to an application that has no database, such as one that only checks workflows. Its
 * executions use no secrets of projects, so the redactors replace the server's own secrets alone.
 */
@Global()
@Module({ providers: [ExecutionRedactors], exports: [ExecutionRedactors] })
export class RedactorsModule {}
