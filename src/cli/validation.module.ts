import { type DynamicModule, Module } from '@nestjs/common';
import { ConfigModule } from '../config/config.module.js';
import type { Settings } from '../config/settings.js';
import { ExtensionDiscoveryModule } from '../discovery/discovery.module.js';
import { ExtensionModule } from '../engine/extension/extension.module.js';
import { WorkflowChecksModule } from '../engine/validation/workflow-checks.module.js';
import { WorkflowValidator } from '../definitions/workflow-validator.js';
import { RedactorsModule } from '../secrets/redactors.module.js';

/** Checks workflows without a database. */
@Module({})
export class ValidationModule {
  static forRoot(settings: Settings): DynamicModule {
    return {
      module: ValidationModule,
      imports: [
        ConfigModule.forRoot(settings),
        ExtensionDiscoveryModule.forRoot(),
        RedactorsModule,
        ExtensionModule,
        WorkflowChecksModule,
      ],
      providers: [WorkflowValidator],
    };
  }
}
