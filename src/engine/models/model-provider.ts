import type { LanguageModelV4 } from '@ai-sdk/provider';
import { applyDecorators, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { z } from 'zod';

/** Makes the models whose names begin with `<provider>/`. */
export interface ModelProvider {
  /** What `providerOptions.<provider>` may hold. Without it anything goes to the provider as it is. */
  readonly options?: z.ZodType;
  /**
   * Why a model can't be used as the server is set up, in a sentence that says what to do; null when it can.
   * @param id the model's name without the provider
   */
  problem(id: string): string | null;
  /** Called only when `problem(id)` is null. */
  model(id: string): LanguageModelV4;
}

/** Where ModelRegistry reads the provider's name from. */
export const ModelProviderName = DiscoveryService.createDecorator<string>();

/**
 * Makes a Nest provider the source of the models `<name>/…`: `@ProvidesModels('anthropic')` on a class
 * that implements `ModelProvider`. Another team adds one in its own module.
 */
export const ProvidesModels = (name: string): ClassDecorator =>
  applyDecorators(Injectable(), ModelProviderName(name));
