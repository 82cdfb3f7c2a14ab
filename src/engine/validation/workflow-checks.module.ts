import { Module } from '@nestjs/common';
import { ExtensionModule } from '../extension/extension.module.js';
import { ModelsModule } from '../models/models.module.js';
import { AgentsModule } from '../agents/agents.module.js';
import { ValueReferences } from './value-references.js';
import { WorkflowChecks } from './workflow-checks.js';

/** Checks workflows. Needs no database. */
@Module({
  imports: [ExtensionModule, ModelsModule, AgentsModule],
  providers: [WorkflowChecks, ValueReferences],
  exports: [WorkflowChecks, ValueReferences],
})
export class WorkflowChecksModule {}
