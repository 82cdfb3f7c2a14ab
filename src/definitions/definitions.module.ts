import { Module } from '@nestjs/common';
import { ExtensionModule } from '../engine/extension/extension.module.js';
import { NodesModule } from '../engine/nodes/nodes.module.js';
import { WorkflowChecksModule } from '../engine/validation/workflow-checks.module.js';
import { SecretsModule } from '../secrets/secrets.module.js';
import { SecretsController } from './values/secrets.controller.js';
import { ValuePermission } from './values/value-permission.js';
import { VariablesController } from './values/variables.controller.js';
import { WorkflowSaver } from './workflow-saver.js';
import { WorkflowStore } from './workflow-store.js';
import { WorkflowValidator } from './workflow-validator.js';
import { WorkflowVersionsController } from './workflow-versions.controller.js';
import { WorkflowsController } from './workflows.controller.js';

/** Saved workflows, secrets and variables, and the check of all workflows. */
@Module({
  imports: [ExtensionModule, NodesModule, SecretsModule, WorkflowChecksModule],
  controllers: [WorkflowsController, WorkflowVersionsController, SecretsController, VariablesController],
  providers: [ValuePermission, WorkflowSaver, WorkflowStore, WorkflowValidator],
  exports: [ValuePermission, WorkflowStore, WorkflowValidator],
})
export class DefinitionsModule {}
