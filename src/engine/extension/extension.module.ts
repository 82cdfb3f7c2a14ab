import { Module } from '@nestjs/common';
import { MonitoringModule } from '../../monitoring/monitoring.module.js';
import { NodeRegistry } from './node-registry.js';
import { StepInterceptors } from './step-interceptors.js';

/** The node types and interceptors of all modules. Needs no database, so workflows can be checked without one. */
@Module({
  imports: [MonitoringModule],
  providers: [NodeRegistry, StepInterceptors],
  exports: [NodeRegistry, StepInterceptors],
})
export class ExtensionModule {}
