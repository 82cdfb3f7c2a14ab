import { Module } from '@nestjs/common';
import { MonitoringModule } from '../../monitoring/monitoring.module.js';
import { NodeRegistry } from './node-registry.js';
import { SavedWorkflows } from './saved-workflows.js';
import { StepInterceptors } from './step-interceptors.js';

/** The node types and interceptors of all modules. Works without a database, so that workflows can be checked without one. */
@Module({
  imports: [MonitoringModule],
  providers: [NodeRegistry, SavedWorkflows, StepInterceptors],
  exports: [NodeRegistry, SavedWorkflows, StepInterceptors],
})
export class ExtensionModule {}
