import { Injectable } from '@nestjs/common';
import { ApiKeysService } from './api-keys.service.js';
import { keyIdOf, type Principal } from './principal.js';
import { AuthStrategies } from './strategies/auth-strategies.js';

/** Checks credentials again on whose behalf the server acts later. */
@Injectable()
export class PrincipalValidity {
  constructor(
    private readonly keys: ApiKeysService,
    private readonly strategies: AuthStrategies,
  ) {}

  /**
   * Whether the principal's credential is still valid: not expired, and not revoked.
   * @throws ProblemError 503 if the authentication strategy of the principal cannot say
   */
  async isValid(principal: Principal): Promise<boolean> {
    if (principal.expiresAt !== null && principal.expiresAt <= Date.now()) return false;
    const keyId = keyIdOf(principal);
    if (keyId !== undefined && (await this.keys.revokedAmong([keyId])).length > 0) return false;
    return this.strategies.stillValid(principal);
  }
}
