import { applyDecorators, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { Request } from 'express';
import type { Principal } from '../principal.js';

/** Further arguments of a call of a strategy. */
export interface AuthStrategyCall {
  /** Aborts when AUTH_STRATEGY_TIMEOUT_MS has passed and no request waits for the result any more. Pass it to `fetch`. */
  readonly signal: AbortSignal;
}

/** Recognises callers by something that the server itself does not know, such as a client certificate. */
export interface AuthStrategyHandler {
  /**
   * Identifies the caller of a request that the server itself cannot accept: it has no credential, one of an unknown scheme,
   * or a bearer token or API key that the server refuses. The first strategy that returns a principal decides.
   *
   * - Return undefined if the request is not for this strategy.
   * - Throw `InvalidCredentialsError` if it is, but its credential is wrong. It counts as a failed attempt of the address.
   * - Any other error, and no result within AUTH_STRATEGY_TIMEOUT_MS, means that the strategy cannot tell. If no other
   *   strategy accepts the request, the answer is `503 identity_provider_unavailable`.
   *
   * @returns the principal. `id` needs to be unique in this strategy only (1 to 255 characters), because the server puts the
   *   strategy's name and a colon before it. `expiresAt` is in ms since the epoch, or null; streams end at that time.
   */
  authenticate(
    request: Request,
    call: AuthStrategyCall,
  ): Promise<Principal | undefined> | Principal | undefined;

  /**
   * Says whether a principal may still use what it opened before. The server asks before a ticket opens a stream, and every
   * CREDENTIAL_CHECK_INTERVAL_MS while the principal has open streams. False ends them. They stay open if this throws or
   * takes longer than AUTH_STRATEGY_TIMEOUT_MS. Without this method streams end at `expiresAt` only.
   * @param principal as `authenticate` returned it
   */
  stillValid?(principal: Principal, call: AuthStrategyCall): Promise<boolean> | boolean;
}

interface Options {
  readonly name: string;
  readonly order: number;
}

/** The metadata by which `AuthStrategies` finds strategies. */
export const AuthStrategyOptions = DiscoveryService.createDecorator<Options>();

/**
 * Makes a provider of any module an authentication strategy: a class that implements `AuthStrategyHandler`.
 *
 * @param name begins the ids of the strategy's principals. Up to 32 lower-case letters, digits and hyphens; `key`, `jwt`,
 *   `address`, `system`, `schedule` and `trigger` are reserved. The server does not start if two strategies have one name.
 * @param options `order`: strategies with a lower number are asked first; 0 by default. Strategies of the same order are
 *   asked in the order in which their modules are registered.
 *
 * @example
 * ```ts
 * // Behind a proxy that checks client certificates, and replaces this header in every request.
 * @AuthStrategy('mtls')
 * export class MtlsStrategy implements AuthStrategyHandler {
 *   authenticate(request: Request): Principal | undefined {
 *     const subject = request.get('X-Client-Cert-Subject');
 *     if (subject === undefined || request.socket.remoteAddress !== PROXY) return undefined;
 *     return { id: subject, projects: ['demo'], scopes: ['executions:read'], expiresAt: null };
 *   }
 * }
 * ```
 */
export const AuthStrategy = (name: string, { order = 0 }: { order?: number } = {}): ClassDecorator =>
  applyDecorators(Injectable(), AuthStrategyOptions({ name, order }));

/** A strategy that is given as an object, and not found by its decorator. */
export interface NamedAuthStrategy {
  readonly name: string;
  readonly handler: AuthStrategyHandler;
  /** See `AuthStrategy`. */
  readonly order?: number;
}

/** Injection token of strategies that the embedding application gives as objects (`NamedAuthStrategy[]`). Optional. */
export const ExtraAuthStrategies = Symbol('ExtraAuthStrategies');
