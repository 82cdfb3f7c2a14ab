import { Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { ApiKeyCreator } from './api-key-creator.js';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';
import { AuthGuard } from './auth.guard.js';
import { FailureLimiter } from './failure-limiter.js';
import { JwtVerifier } from './jwt-verifier.js';
import { KeyRequests } from './key-requests.js';
import { MeController } from './me.controller.js';
import { MetricsAccess } from './metrics-access.js';
import { PrincipalValidity } from './principal-validity.js';
import { RevocationMonitor } from './revocation-monitor.js';
import { RouteAccessCheck } from './scopes/route-access-check.js';
import { ScopeRegistry } from './scopes/scope-registry.js';
import { AuthStrategies } from './strategies/auth-strategies.js';
import { TicketsService } from './tickets.service.js';

/**
 * Authenticates and authorizes every request. AppModule must import it before ThrottlingModule: global guards run in that
 * order, and quotas count by principal.
 */
@Module({
  imports: [DiscoveryModule],
  controllers: [ApiKeysController, MeController],
  providers: [
    ScopeRegistry,
    RouteAccessCheck,
    AuthStrategies,
    ApiKeysService,
    ApiKeyCreator,
    KeyRequests,
    RevocationMonitor,
    FailureLimiter,
    JwtVerifier,
    MetricsAccess,
    PrincipalValidity,
    TicketsService,
    { provide: APP_GUARD, useClass: AuthGuard },
  ],
  exports: [ApiKeysService, PrincipalValidity, RevocationMonitor, TicketsService],
})
export class AuthModule {}
