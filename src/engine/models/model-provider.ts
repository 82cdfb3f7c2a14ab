import type { LanguageModelV4 } from '@ai-sdk/provider';
import { applyDecorators, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { z } from 'zod';

/** Makes the models whose names begin with `<provider>/`. */
export interface ModelProvider {
  /** Schema of `providerOptions.<provider>`. Without it, any options are passed to the provider unchanged. */
  readonly options?: z.ZodType;
  /**
   * Explains why this server cannot use a model, in a sentence that says what to do; null if it can.
   * @param id the model's name without the provider
   */
  problem(id: string): string | null;
  /** Makes a model. Called only if `problem(id)` is null. */
  model(id: string): LanguageModelV4;
}

/** The metadata by which `ModelRegistry` finds providers. */
export const ModelProviderName = DiscoveryService.createDecorator<string>();

/**
 * Makes a Nest provider the source of the models `<name>/…`: `@ProvidesModels('anthropic')` on a class that implements
 * `ModelProvider`. Another team adds one in its own module.
 */
export const ProvidesModels = (name: string): ClassDecorator =>
  applyDecorators(Injectable(), ModelProviderName(name));
