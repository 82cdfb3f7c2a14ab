import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModule } from './auth/auth.module.js';
import { ConfigModule } from './config/config.module.js';
import type { Settings } from './config/settings.js';
import { DashboardModule } from './dashboard/dashboard.module.js';
import { DatabaseModule } from './database/database.module.js';
import { EventsModule } from './events/events.module.js';
import { ExecutionsModule } from './executions/executions.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { ThrottlingModule } from './throttling/throttling.module.js';

/** The whole application. `settings.DATABASE_URL` must be set: main starts the embedded server if need be. */
@Module({})
export class AppModule {
  static forRoot(settings: Settings, extensions: NonNullable<DynamicModule['imports']> = []): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(settings),
        DatabaseModule,
        EventsModule,
        AuthModule,
        ThrottlingModule,
        ExecutionsModule,
        OperationsModule,
        ...extensions,
        DashboardModule,
      ],
    };
  }
}
