import { type AnthropicProvider, createAnthropic } from '@ai-sdk/anthropic';
import { Inject } from '@nestjs/common';
import type { LanguageModel } from 'ai';
import { Settings } from '../../config/settings.js';
import { type ModelProvider, ProvidesModels } from './model-provider.js';

@ProvidesModels('anthropic')
export class AnthropicModels implements ModelProvider {
  private provider: AnthropicProvider | undefined;

  constructor(
    @Inject(Settings) private readonly settings: Pick<Settings, 'ANTHROPIC_API_KEY' | 'ANTHROPIC_BASE_URL'>,
  ) {}

  model(id: string): LanguageModel {
    const { ANTHROPIC_API_KEY: apiKey = '', ANTHROPIC_BASE_URL: baseURL } = this.settings;
    this.provider ??= createAnthropic({
      apiKey,
      ...(baseURL !== undefined && { baseURL: versioned(baseURL) }),
    });
    return this.provider(id);
  }

  problem(): string | null {
    return this.settings.ANTHROPIC_API_KEY
      ? null
      : 'this server has no key for Anthropic: set ANTHROPIC_API_KEY, or use a demo/… model';
  }
}

/** Anthropic's own clients take the address without /v1, this one wants it: both work. */
function versioned(address: string): string {
  const url = new URL(address);
  if (url.pathname === '/') url.pathname = '/v1';
  return url.href;
}
