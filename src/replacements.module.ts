import { type DynamicModule, Global, Module } from '@nestjs/common';
import { type AppOptions, strategiesOf } from './app-options.js';
import { ExtraAuthStrategies } from './auth/strategies/auth-strategy.js';
import { EngineOption } from './engine/execution-engine.js';
import { Prices } from './engine/models/prices.js';
import { ThrottlerStorageOption } from './throttling/throttler-storage-option.js';

/**
 * Provides the parts that replace parts of the server. It is global because only the application's root module knows them:
 * other modules cannot import `forRoot`. The tokens hold objects around the parts, because Nest would call the lifecycle
 * hooks of a part once for each provider that is the part itself.
 */
@Global()
@Module({})
export class ReplacementsModule {
  static forRoot({ auth, engine, throttlerStorage, prices = {} }: AppOptions): DynamicModule {
    return {
      module: ReplacementsModule,
      providers: [
        { provide: ExtraAuthStrategies, useValue: strategiesOf(auth) },
        { provide: EngineOption, useValue: { engine } satisfies EngineOption },
        {
          provide: ThrottlerStorageOption,
          useValue: { storage: throttlerStorage } satisfies ThrottlerStorageOption,
        },
        { provide: Prices, useValue: prices },
      ],
      exports: [ExtraAuthStrategies, EngineOption, ThrottlerStorageOption, Prices],
    };
  }
}
