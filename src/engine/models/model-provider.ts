import type { LanguageModelV4 } from '@ai-sdk/provider';
import { applyDecorators, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { z } from 'zod';

/** Makes the models whose names begin with `<name>/`. */
export interface ModelProvider {
  /** Schema of `providerOptions.<name>`. Without it, any options are passed to the provider unchanged. */
  readonly options?: z.ZodType;
  /**
   * Explains why this server cannot use a model, in a sentence that says what to do; null if it can.
   * @param id the model's name without the provider
   */
  problem(id: string): string | null;
  /**
   * Makes a model of the AI SDK (`LanguageModelV4` of `@ai-sdk/provider`). Called for each call of a model, and only if
   * `problem(id)` is null. It may import the package of the provider when it is first called.
   */
  model(id: string): LanguageModelV4 | Promise<LanguageModelV4>;
}

/** The metadata by which `ModelRegistry` finds providers. */
export const ModelProviderName = DiscoveryService.createDecorator<string>();

/**
 * Makes a provider, in any module, the source of the models `<name>/…`: on a class that implements `ModelProvider`. Add the
 * keys that the provider sends to the `SecretRedactor`, and prices to the setting MODEL_PRICES.
 *
 * The server does not start if the name is empty, has a slash, or is used twice, or if the class lacks `problem` or `model`.
 * @param name 1 to 64 letters, digits and `. _ -`
 * @example
 * ```ts
 * @ProvidesModels('mistral')
 * export class MistralModels implements ModelProvider {
 *   private readonly mistral = createMistral({ apiKey: process.env.MISTRAL_API_KEY });
 *
 *   problem(): string | null {
 *     return process.env.MISTRAL_API_KEY ? null : 'Set MISTRAL_API_KEY to use the models of Mistral.';
 *   }
 *
 *   model(id: string): LanguageModelV4 {
 *     return this.mistral(id);
 *   }
 * }
 * ```
 */
export const ProvidesModels = (name: string): ClassDecorator =>
  applyDecorators(Injectable(), ModelProviderName(name));
