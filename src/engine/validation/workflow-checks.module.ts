import { Module } from '@nestjs/common';
import { ExtensionModule } from '../extension/extension.module.js';
import { ModelsModule } from '../models/models.module.js';
import { NodesModule } from '../nodes/nodes.module.js';
import { WorkflowChecks } from './workflow-checks.js';

/** Checks workflows. Needs no database. */
@Module({
  imports: [ExtensionModule, ModelsModule, NodesModule],
  providers: [WorkflowChecks],
  exports: [WorkflowChecks],
})
export class WorkflowChecksModule {}
