import type { ModuleMetadata } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import type { AuthStrategyHandler, NamedAuthStrategy } from './auth/strategies/auth-strategy.js';
import type { GivenEngine } from './engine/execution-engine.js';
import { ModelPrice } from './config/settings.js';
import type { Prices } from './engine/models/prices.js';

/** What the code that makes the application may add to it or replace in it. */
export interface AppOptions {
  /**
   * Modules of other teams. They are part of this application: its guard, throttler, pipe and filter apply to their
   * controllers, and they may inject its services, such as `ExecutionStarter`, without importing a module.
   */
  imports?: NonNullable<ModuleMetadata['imports']> | undefined;
  /**
   * Recognises callers by what the application already knows about them, in addition to API keys and JWTs: a function, an
   * object, or several objects with names. It is asked like a class with `@AuthStrategy`. Without a name, the ids of its
   * principals begin with `host:`.
   */
  auth?: AuthStrategyHandler['authenticate'] | AuthStrategyHandler | readonly NamedAuthStrategy[] | undefined;
  /** Replaces the engine that runs executions: an object, or a class that is created with its dependencies. */
  engine?: GivenEngine | undefined;
  /** Replaces the storage that counts requests, for example by one that several processes share. */
  throttlerStorage?: ThrottlerStorage | undefined;
  /** Prices of further models, in USD per million tokens. They override the built-in prices. */
  prices?: Prices | undefined;
}

/** A part that replaces one of the server cannot be used. The message says what is wrong. */
export class InvalidOptionsError extends Error {
  override readonly name = 'InvalidOptionsError';
}

/** Returns the strategies that the option `auth` means. */
export function strategiesOf(auth: AppOptions['auth']): readonly NamedAuthStrategy[] {
  if (auth === undefined) return [];
  if (typeof auth === 'function') return [{ name: 'host', handler: { authenticate: auth } }];
  return 'authenticate' in auth ? [{ name: 'host', handler: auth }] : auth;
}

/** Checks what types cannot, or what callers without types may get wrong. @throws InvalidOptionsError */
export function checkOptions({ auth, engine, throttlerStorage, prices = {} }: AppOptions): void {
  const methods = ['run', 'applyControl', 'committedSequence'] as const;
  const object = typeof engine === 'function' ? (engine.prototype as unknown) : engine;
  const missing = engine && methods.find((name) => !hasMethod(object, name));
  if (missing !== undefined)
    throw new InvalidOptionsError(
      `engine has no method ${missing}: implement the interface ExecutionEngine.`,
    );
  if (
    auth !== undefined &&
    typeof auth !== 'function' &&
    !Array.isArray(auth) &&
    !hasMethod(auth, 'authenticate')
  )
    throw new InvalidOptionsError(
      'auth must be a function, an object with a method authenticate, or a list of { name, handler }: implement the interface AuthStrategyHandler.',
    );
  if (throttlerStorage !== undefined && !hasMethod(throttlerStorage, 'increment'))
    throw new InvalidOptionsError(
      'throttlerStorage has no method increment: give an object that implements ThrottlerStorage of @nestjs/throttler.',
    );
  for (const [model, price] of Object.entries(prices)) {
    const issue = ModelPrice.safeParse(price).error?.issues[0];
    if (issue)
      throw new InvalidOptionsError(
        `prices: the price of ${model} must be { input, output }, both numbers of at least 0, in USD per million tokens; optional are cachedRead, cachedWrite, reasoning and longPrompt. ${[...issue.path, issue.message].join(': ')}.`,
      );
  }
}

const hasMethod = (object: unknown, name: string): boolean =>
  typeof (object as Record<string, unknown> | null | undefined)?.[name] === 'function';
