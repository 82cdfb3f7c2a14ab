import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { Settings } from '../config/settings.js';
import { PrincipalThrottlerGuard } from './principal-throttler.guard.js';
import { StreamQuota } from './stream-quota.js';
import { WindowStorage } from './window-storage.js';

@Global()
@Module({
  imports: [
    ThrottlerModule.forRootAsync({
      inject: [Settings],
      useFactory: (settings: Settings) => ({
        throttlers: [{ ttl: settings.RATE_LIMIT_WINDOW_MS, limit: settings.RATE_LIMIT_REQUESTS }],
        storage: new WindowStorage(),
      }),
    }),
  ],
  providers: [StreamQuota, { provide: APP_GUARD, useClass: PrincipalThrottlerGuard }],
  exports: [StreamQuota],
})
export class ThrottlingModule {}
