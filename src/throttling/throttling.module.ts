import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { ThrottlerStorageOption } from './throttler-storage-option.js';
import { Settings } from '../config/settings.js';
import { PrincipalThrottlerGuard } from './principal-throttler.guard.js';
import { WindowStorage } from './window-storage.js';

/** Limits the requests of each principal, on every route that is not `@SkipThrottle()`. */
@Module({
  imports: [
    ThrottlerModule.forRootAsync({
      inject: [Settings, { token: ThrottlerStorageOption, optional: true }],
      useFactory: (settings: Settings, given?: ThrottlerStorageOption) => ({
        throttlers: [{ ttl: settings.RATE_LIMIT_WINDOW_MS, limit: settings.RATE_LIMIT_REQUESTS }],
        storage: given?.storage ?? new WindowStorage(),
      }),
    }),
  ],
  providers: [{ provide: APP_GUARD, useClass: PrincipalThrottlerGuard }],
})
export class ThrottlingModule {}
