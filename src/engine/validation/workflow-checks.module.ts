import { Module } from '@nestjs/common';
import { ExtensionModule } from '../extension/extension.module.js';
import { ModelsModule } from '../models/models.module.js';
import { AgentsModule } from '../agents/agents.module.js';
import { WorkflowChecks } from './workflow-checks.js';

/** Checks workflows. Needs no database. */
@Module({
  imports: [ExtensionModule, ModelsModule, AgentsModule],
  providers: [WorkflowChecks],
  exports: [WorkflowChecks],
})
export class WorkflowChecksModule {}
