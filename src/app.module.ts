import { type DynamicModule, Module } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import type { AppOptions } from './app-options.js';
import { AuthModule } from './auth/auth.module.js';
import { BulkModule } from './bulk/bulk.module.js';
import { ConfigModule } from './config/config.module.js';
import type { Settings } from './config/settings.js';
import { DashboardModule } from './dashboard/dashboard.module.js';
import { DatabaseModule } from './database/database.module.js';
import { DefinitionsModule } from './definitions/definitions.module.js';
import { ExtensionDiscoveryModule } from './discovery/discovery.module.js';
import { ExecutionsModule } from './executions/executions.module.js';
import { ListenersModule } from './listeners/listeners.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { McpServerModule } from './protocols/mcp-server/mcp-server.module.js';
import { AiSdkModule } from './protocols/ai-sdk/ai-sdk.module.js';
import { ProblemsModule } from './problems/problems.module.js';
import { A2aModule } from './protocols/a2a/a2a.module.js';
import { AgUiModule } from './protocols/ag-ui/ag-ui.module.js';
import { PublicServicesModule } from './public-services.module.js';
import { OpenAiModule } from './protocols/openai/openai.module.js';
import { SecretsModule } from './secrets/secrets.module.js';
import { ReplacementsModule } from './replacements.module.js';
import { StatsModule } from './stats/stats.module.js';
import { SchedulesModule } from './schedules/schedules.module.js';
import { ThrottlingModule } from './throttling/throttling.module.js';
import { WaitsModule } from './waits/waits.module.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';

type Imports = NonNullable<DynamicModule['imports']>;

/** How the application is composed, in addition to the options. */
export interface Composition extends AppOptions {
  /** The DiscoveryService of the application that this one runs inside. */
  host?: DiscoveryService | undefined;
  /** Modules whose `onApplicationBootstrap` must run before that of all others. They must be global. */
  first?: Imports | undefined;
  /** Whether the dashboard is served. Default: true. */
  dashboard?: boolean;
}

/** The root module of the application. */
@Module({})
export class AppModule {
  /** @param settings must have DATABASE_URL; `server.ts` sets it when it starts the embedded PostgreSQL */
  static forRoot(settings: Settings, composition: Composition = {}): DynamicModule {
    const { host, first = [], imports = [], dashboard = true } = composition;
    return {
      module: AppModule,
      imports: [
        ...first,
        ConfigModule.forRoot(settings),
        ReplacementsModule.forRoot(composition),
        ExtensionDiscoveryModule.forRoot(host),
        DatabaseModule,
        SecretsModule,
        AuthModule,
        ThrottlingModule,
        // Imported here as well as by ExecutionsModule: Nest registers the routes of nearer modules first, and the dashboard
        // has a route that matches every path.
        DefinitionsModule,
        ExecutionsModule,
        WaitsModule,
        SchedulesModule,
        ListenersModule,
        WebhooksModule,
        OperationsModule,
        BulkModule,
        StatsModule,
        McpServerModule,
        A2aModule,
        AgUiModule,
        AiSdkModule,
        OpenAiModule,
        PublicServicesModule,
        ...imports,
        ...(dashboard ? [DashboardModule] : []),
        // Last, because Nest asks the filter first that was registered last. A filter of an extension could otherwise change
        // the shape of problems.
        ProblemsModule,
      ],
    };
  }
}
