import type { ModuleMetadata } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import type { GivenEngine } from './engine/execution-engine.js';
import type { Prices } from './engine/models/prices.js';

/** What the code that makes the application may add to it or replace in it. */
export interface AppOptions {
  /**
   * Modules of other teams. They are part of this application: its guard, throttler, pipe and filter apply to their
   * controllers, and they may inject its services, such as `ExecutionStarter`, without importing a module.
   */
  imports?: NonNullable<ModuleMetadata['imports']> | undefined;
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

/** Checks what types cannot, or what callers without types may get wrong. @throws InvalidOptionsError */
export function checkOptions({ engine, throttlerStorage, prices = {} }: AppOptions): void {
  const methods = ['run', 'applyControl', 'committedSequence'] as const;
  const object = typeof engine === 'function' ? (engine.prototype as unknown) : engine;
  const missing = engine && methods.find((name) => !hasMethod(object, name));
  if (missing !== undefined)
    throw new InvalidOptionsError(
      `engine has no method ${missing}: implement the interface ExecutionEngine.`,
    );
  if (throttlerStorage !== undefined && !hasMethod(throttlerStorage, 'increment'))
    throw new InvalidOptionsError(
      'throttlerStorage has no method increment: give an object that implements ThrottlerStorage of @nestjs/throttler.',
    );
  for (const [model, price] of Object.entries<Partial<Prices[string]> | undefined>(prices))
    if (!isAmount(price?.input) || !isAmount(price?.output))
      throw new InvalidOptionsError(
        `prices: the price of ${model} must be { input, output }, both numbers of at least 0, in USD per million tokens.`,
      );
}

const isAmount = (value: unknown): boolean =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;

const hasMethod = (object: unknown, name: string): boolean =>
  typeof (object as Record<string, unknown> | null | undefined)?.[name] === 'function';
