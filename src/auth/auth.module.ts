import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';
import { AuthGuard } from './auth.guard.js';
import { FailureLimiter } from './failure-limiter.js';
import { JwtVerifier } from './jwt-verifier.js';
import { MeController } from './me.controller.js';
import { MetricsAccess } from './metrics-access.js';
import { RevocationMonitor } from './revocation-monitor.js';
import { TicketsService } from './tickets.service.js';

/**
 * Authenticates and authorizes every request. AppModule must import it before ThrottlingModule: global guards run in that
 * order, and quotas count by principal.
 */
@Module({
  controllers: [ApiKeysController, MeController],
  providers: [
    ApiKeysService,
    RevocationMonitor,
    FailureLimiter,
    JwtVerifier,
    MetricsAccess,
    TicketsService,
    { provide: APP_GUARD, useClass: AuthGuard },
  ],
  exports: [ApiKeysService, RevocationMonitor, TicketsService],
})
export class AuthModule {}
