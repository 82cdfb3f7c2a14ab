import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { ProjectId, Scope } from '@cloutagent/contract';
import { errors, type JWTPayload, jwtVerify, type JWTVerifyOptions } from 'jose';
import { z } from 'zod';
import { Settings } from '../config/settings.js';
import { ProblemError } from '../problems/problem.error.js';
import type { Principal } from './principal.js';
import { remoteKeySet } from './remote-key-set.js';

const ASYMMETRIC = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];
const LONGEST = 16_384;

/** Identities end up in the database and the log: U+0000 and half a surrogate pair could not be kept apart there. */
const isPrintable = (text: string): boolean => text.isWellFormed() && !/\p{Cc}/u.test(text);
const Claims = z.looseObject({
  sub: z.string().min(1).max(255).refine(isPrintable),
  exp: z.number(),
  // RFC 7519, section 4.1.1: a URI, most often.
  iss: z
    .string()
    .max(255)
    .regex(/^[\x20-\x7e]*$/)
    .default(''),
  projects: z.array(z.string()).max(1000).default([]),
  scope: z.string().max(2000).default(''),
});

/**
 * Verifies JWTs. Which algorithms are taken follows from the setting, never from the token: `alg: none`
 * and a public key used as HMAC secret are refused (RFC 8725, sections 2.1 and 3.1).
 */
@Injectable()
export class JwtVerifier implements OnModuleInit {
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
      const keys = remoteKeySet(new URL(url), {
        timeoutMs: settings.JWKS_TIMEOUT_MS,
        cooldownMs: settings.JWKS_COOLDOWN_MS,
        maxAgeMs: settings.JWKS_MAX_AGE_MS,
      });
      this.verify = async (token) =>
        (await jwtVerify(token, keys, { ...options, algorithms: ASYMMETRIC })).payload;
    }
  }

  /** Not in the constructor: nothing is logged while the application is put together. */
  onModuleInit(): void {
    if (!this.verify || this.settings.JWT_AUDIENCE !== undefined) return;
    new Logger(JwtVerifier.name).warn(
      'JWT_AUDIENCE is not set: tokens that the same issuer made for other services are taken too. Set it to the aud of those meant for this one.',
    );
  }

  /**
   * @returns the principal; nothing for a token that is not good
   * @throws ProblemError 503 when the keys cannot be had
   */
  async authenticate(token: string): Promise<Principal | undefined> {
    if (!this.verify || token.length > LONGEST) return undefined;
    const payload = await this.verify(token).catch((error: unknown) => {
      if (this.settings.JWKS_URL !== undefined && isOfTheKeySet(error)) {
        throw new ProblemError(
          503,
          'identity_provider_unavailable',
          'The keys to check this token with cannot be had. Try again soon.',
          {
            headers: { 'Retry-After': '5' },
          },
        );
      }
      return undefined;
    });
    const claims = Claims.safeParse(payload);
    if (!claims.success) return undefined;
    const { sub, iss, exp, scope } = claims.data;
    // What cannot name a project or scope is another service's.
    const projects = claims.data.projects.filter((name) => name === '*' || ProjectId.safeParse(name).success);
    const scopes = scope.split(' ').flatMap((name) => Scope.safeParse(name).data ?? []);
    return { id: `jwt:${encodeURIComponent(iss)}:${sub}`, projects, scopes, expiresAt: exp * 1000 };
  }
}

/** Whether the failure is of fetching the key set, and not of the token. */
function isOfTheKeySet(error: unknown): boolean {
  // What is wrong with a token has a code of its own; what fetch fails with is none of jose's errors.
  if (!(error instanceof errors.JOSEError) || error.code === 'ERR_JOSE_GENERIC') return true;
  return error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
}
