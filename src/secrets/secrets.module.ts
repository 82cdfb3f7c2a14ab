import { Global, Module } from '@nestjs/common';
import { ExecutionRedactors, SecretVersions } from './execution-redactors.js';
import { SecretCipher } from './secret-cipher.js';
import { SecretStore } from './secret-store.js';
import { SecretSweeper } from './secret-sweeper.js';
import { VariableStore } from './variable-store.js';

/**
 * The secrets and variables of projects, and the redactors of the executions that use secrets. It is global, as the redactor of
 * the server's own secrets is: two instances of the redactors would not know each other's secrets.
 */
@Global()
@Module({
  providers: [
    SecretCipher,
    SecretStore,
    SecretSweeper,
    VariableStore,
    { provide: SecretVersions, useExisting: SecretStore },
    ExecutionRedactors,
  ],
  exports: [SecretCipher, SecretStore, VariableStore, ExecutionRedactors],
})
export class SecretsModule {}
