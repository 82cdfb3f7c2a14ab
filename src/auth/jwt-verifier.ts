import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ProjectId } from '@cloutagent/contract';
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify, type JWTVerifyOptions } from 'jose';
import { z } from 'zod';
import { Settings } from '../config/settings.js';
import { Logger } from '../logging/logger.js';
import { ProblemError } from '../problems/problem.error.js';
import { KeySetUnavailableError, remoteKeySet } from './key-set.js';
import { isPrintable, type Principal } from './principal.js';
import { ScopeRegistry } from './scopes/scope-registry.js';

const ASYMMETRIC = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];
const MAX_TOKEN_LENGTH = 16_384;
const MAX_REPORTS = 100;

const Claims = z.looseObject({
  sub: z.string().min(1).max(255).refine(isPrintable),
  exp: z.number(),
  // A string or URI (RFC 7519, section 4.1.1).
  iss: z
    .string()
    .max(255)
    .regex(/^[\x20-\x7e]*$/)
    .default(''),
  projects: z.array(z.string()).max(1000).default([]),
  scope: z.string().max(2000).default(''),
});

/**
 * Verifies JWTs. The settings determine which algorithms are accepted, never the token. `alg: none` and a public key used
 * as HMAC secret are therefore refused (RFC 8725, sections 2.1 and 3.1).
 */
@Injectable()
export class JwtVerifier implements OnModuleInit {
  private readonly logger = new Logger(JwtVerifier.name);
  /** Messages about unusable keys that have been logged. */
  private readonly reported = new Set<string>();
  private readonly verify: ((token: string) => Promise<JWTPayload>) | undefined;

  constructor(
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      | 'JWT_SECRET'
      | 'JWKS_URL'
      | 'JWKS_TIMEOUT_MS'
      | 'JWKS_COOLDOWN_MS'
      | 'JWKS_MAX_AGE_MS'
      | 'JWT_ISSUER'
      | 'JWT_AUDIENCE'
    >,
    @Inject(ScopeRegistry) private readonly knownScopes: Pick<ScopeRegistry, 'has'>,
  ) {
    const { JWT_SECRET: secret, JWKS_URL: url, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = settings;
    const options: JWTVerifyOptions = {
      requiredClaims: ['sub', 'exp'],
      clockTolerance: 5,
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    };
    if (secret !== undefined) {
      const key = new TextEncoder().encode(secret);
      this.verify = async (token) =>
        (await jwtVerify(token, key, { ...options, algorithms: ['HS256'] })).payload;
    } else if (url !== undefined) {
      const keys = remoteKeySet(url, settings);
      this.verify = async (token) =>
        (await jwtVerify(token, keys, { ...options, algorithms: ASYMMETRIC })).payload;
    }
  }

  /** Warns here and not in the constructor, because Nest's logger is off while the application is created. */
  onModuleInit(): void {
    if (!this.verify || this.settings.JWT_AUDIENCE !== undefined) return;
    this.logger.warn(
      'JWT_AUDIENCE is not set, so tokens that the same issuer made for other services are accepted too. Set it to the aud of the tokens for this server.',
    );
  }

  /**
   * @returns the principal, or undefined for an invalid token
   * @throws ProblemError 503 when the key set is unavailable
   */
  async authenticate(token: string): Promise<Principal | undefined> {
    if (!this.verify || token.length > MAX_TOKEN_LENGTH) return undefined;
    const payload = await this.verify(token).catch((error: unknown) => {
      if (error instanceof KeySetUnavailableError) {
        this.logger.warn(`the identity provider's key set is unavailable: ${(error.cause as Error).message}`);
        throw new ProblemError('identity_provider_unavailable', undefined, {
          headers: { 'Retry-After': '5' },
        });
      }
      if (this.settings.JWKS_URL !== undefined && isKeyFault(error)) this.reportKey(token, error as Error);
      return undefined;
    });
    const claims = Claims.safeParse(payload);
    if (!claims.success) return undefined;
    const { sub, iss, exp, scope } = claims.data;
    // Other names are ignored: they may be projects and scopes of another service.
    const projects = claims.data.projects.filter((name) => name === '*' || ProjectId.safeParse(name).success);
    const scopes = scope.split(' ').filter((name) => this.knownScopes.has(name));
    return { id: `jwt:${encodeURIComponent(iss)}:${sub}`, projects, scopes, expiresAt: exp * 1000 };
  }

  /** Logs an unusable key once, because a client can send any number of tokens that name it. */
  private reportKey(token: string, error: Error): void {
    const { kid } = decodeProtectedHeader(token);
    const reason = `the key ${JSON.stringify(kid)?.slice(0, 200)} of the identity provider's key set cannot be used: ${error.message}`;
    if (this.reported.has(reason) || this.reported.size >= MAX_REPORTS) return;
    this.reported.add(reason);
    this.logger.warn(reason);
  }
}

/** Whether a token was refused because its key is faulty, which only the identity provider can correct. */
const isKeyFault = (error: unknown): boolean =>
  !(error instanceof errors.JOSEError) || error instanceof errors.JWKSInvalid;
