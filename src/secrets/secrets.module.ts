import { Module } from '@nestjs/common';
import { ExecutionRedactors } from './execution-redactors.js';
import { SecretCipher } from './secret-cipher.js';
import { SecretStore } from './secret-store.js';
import { SecretSweeper } from './secret-sweeper.js';
import { VariableStore } from './variable-store.js';

/** The secrets and variables of projects, and the redactors of the executions that use secrets. */
@Module({
  providers: [SecretCipher, SecretStore, SecretSweeper, VariableStore, ExecutionRedactors],
  exports: [SecretCipher, SecretStore, VariableStore, ExecutionRedactors],
})
export class SecretsModule {}
