import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModule } from './auth/auth.module.js';
import { ConfigModule } from './config/config.module.js';
import type { Settings } from './config/settings.js';
import { DashboardModule } from './dashboard/dashboard.module.js';
import { DatabaseModule } from './database/database.module.js';
import { ExtensionDiscoveryModule } from './discovery/discovery.module.js';
import { ExecutionsModule } from './executions/executions.module.js';
import { ListenersModule } from './listeners/listeners.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { ProblemsModule } from './problems/problems.module.js';
import { ThrottlingModule } from './throttling/throttling.module.js';

/** The root module of the application. */
@Module({})
export class AppModule {
  /**
   * @param settings must have DATABASE_URL; `server.ts` sets it when it starts the embedded PostgreSQL
   * @param extensions modules of other teams
   */
  static forRoot(settings: Settings, extensions: NonNullable<DynamicModule['imports']> = []): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(settings),
        ExtensionDiscoveryModule.forRoot(),
        DatabaseModule,
        AuthModule,
        ThrottlingModule,
        ExecutionsModule,
        ListenersModule,
        OperationsModule,
        ...extensions,
        DashboardModule,
        // Last, because Nest asks the filter first that was registered last. A filter of an extension could otherwise change
        // the shape of problems.
        ProblemsModule,
      ],
    };
  }
}
