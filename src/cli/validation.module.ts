import { type DynamicModule, Module } from '@nestjs/common';
import { ConfigModule } from '../config/config.module.js';
import type { Settings } from '../config/settings.js';
import { ExtensionDiscoveryModule } from '../discovery/discovery.module.js';
import { StepInterceptors } from '../engine/extension/step-interceptors.js';
import { NodeRegistry } from '../engine/extension/node-registry.js';
import { ModelsModule } from '../engine/models/models.module.js';
import { NodesModule } from '../engine/nodes/nodes.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { WorkflowValidator } from '../executions/commands/workflow-validator.js';

/** Checks workflows without a database. */
@Module({})
export class ValidationModule {
  static forRoot(settings: Settings): DynamicModule {
    return {
      module: ValidationModule,
      imports: [
        ConfigModule.forRoot(settings),
        ExtensionDiscoveryModule.forRoot(),
        ModelsModule,
        MonitoringModule,
        NodesModule,
      ],
      providers: [NodeRegistry, StepInterceptors, WorkflowValidator],
    };
  }
}
