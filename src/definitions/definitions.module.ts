import { Module } from '@nestjs/common';
import { WorkflowChecksModule } from '../engine/validation/workflow-checks.module.js';
import { SecretsModule } from '../secrets/secrets.module.js';
import { SavedWorkflows } from './saved-workflows.js';
import { SecretsController } from './values/secrets.controller.js';
import { ValuePermission } from './values/value-permission.js';
import { VariablesController } from './values/variables.controller.js';

/** Saved workflows. */
@Module({
  imports: [SecretsModule, WorkflowChecksModule],
  controllers: [SecretsController, VariablesController],
  providers: [SavedWorkflows, ValuePermission],
  exports: [SavedWorkflows, ValuePermission],
})
export class DefinitionsModule {}
