import { createAnthropic } from '@ai-sdk/anthropic';
import type { LanguageModelV4 } from '@ai-sdk/provider';
import { Inject } from '@nestjs/common';
import { defaultSettingsMiddleware, wrapLanguageModel } from 'ai';
import { Settings } from '../../config/settings.js';
import { ModelFetch } from './model-fetch.js';
import { type ModelProvider, ProvidesModels } from './model-provider.js';

/** `anthropic/<id>`: Anthropic's Messages API. */
@ProvidesModels('anthropic')
export class AnthropicModels implements ModelProvider {
  private create: ReturnType<typeof createAnthropic> | undefined;

  constructor(
    @Inject(Settings) private readonly settings: Pick<Settings, 'ANTHROPIC_API_KEY' | 'ANTHROPIC_BASE_URL'>,
    private readonly http: ModelFetch,
  ) {}

  problem(): string | null {
    if (this.settings.ANTHROPIC_API_KEY) return null;
    return 'This server has no key for Anthropic: set ANTHROPIC_API_KEY, or use a demo/… model, which needs none.';
  }

  model(id: string): LanguageModelV4 {
    this.create ??= createAnthropic({
      apiKey: this.settings.ANTHROPIC_API_KEY ?? '',
      // Given even when it is the usual one: left out, the provider would look into the environment.
      baseURL: versioned(this.settings.ANTHROPIC_BASE_URL ?? 'https://api.anthropic.com'),
      fetch: this.http.fetch,
    });
    return wrapLanguageModel({
      model: this.create(id),
      // Pings are the only sign of life while a model thinks without showing it.
      middleware: defaultSettingsMiddleware({
        settings: { providerOptions: { anthropic: { includePings: true } } },
      }),
    });
  }
}

/** Anthropic's own clients take the address without /v1, the AI SDK wants it: both work here. */
function versioned(address: string): string {
  const url = new URL(address);
  if (url.pathname === '/') url.pathname = '/v1';
  return url.href;
}
