import { Module } from '@nestjs/common';
import { SecretsModule } from '../secrets/secrets.module.js';
import { SavedWorkflows } from './saved-workflows.js';
import { SecretsController } from './values/secrets.controller.js';
import { VariablesController } from './values/variables.controller.js';

/** Saved workflows. */
@Module({
  imports: [SecretsModule],
  controllers: [SecretsController, VariablesController],
  providers: [SavedWorkflows],
  exports: [SavedWorkflows],
})
export class DefinitionsModule {}
