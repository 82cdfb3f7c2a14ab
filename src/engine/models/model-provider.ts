import { applyDecorators, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { LanguageModel } from 'ai';

/** Models whose names begin with `<provider>/`. */
export interface ModelProvider {
  /** @param id the name without the provider */
  model(id: string): LanguageModel;
  /** Why no model can be had, as a sentence that says what to do; null when all is well. */
  problem(): string | null;
}

/** The metadata that ModelRegistry looks for. */
export const ModelProviderName = DiscoveryService.createDecorator<string>();

/** Makes a provider the source of `<name>/…` models; another team adds one in its own module. */
export const ProvidesModels = (name: string): ClassDecorator =>
  applyDecorators(Injectable(), ModelProviderName(name)) as ClassDecorator;
