import type { AnthropicProvider } from '@ai-sdk/anthropic';
import type { LanguageModelV4 } from '@ai-sdk/provider';
import { Inject } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { missingKey } from './missing-key.js';
import { ModelFetch } from './model-fetch.js';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { type ModelProvider, ProvidesModels } from './model-provider.js';

/** Provides `anthropic/<id>`: Anthropic's Messages API. */
@BuiltIn()
@ProvidesModels('anthropic')
export class AnthropicModels implements ModelProvider {
  private provider: Promise<AnthropicProvider> | undefined;

  constructor(
    @Inject(Settings) private readonly settings: Pick<Settings, 'ANTHROPIC_API_KEY' | 'ANTHROPIC_BASE_URL'>,
    private readonly http: ModelFetch,
  ) {}

  problem(): string | null {
    return missingKey(this.settings, 'Anthropic', 'ANTHROPIC_API_KEY');
  }

  async model(id: string): Promise<LanguageModelV4> {
    this.provider ??= this.load();
    const [provider, { defaultSettingsMiddleware, wrapLanguageModel }] = await Promise.all([
      this.provider,
      import('ai'),
    ]);
    return wrapLanguageModel({
      model: provider(id),
      // While a model thinks without streaming its thoughts, pings are the only data that it sends.
      middleware: defaultSettingsMiddleware({
        settings: { providerOptions: { anthropic: { includePings: true } } },
      }),
    });
  }

  private async load(): Promise<AnthropicProvider> {
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    return createAnthropic({
      apiKey: this.settings.ANTHROPIC_API_KEY ?? '',
      // The default address is passed explicitly: without a baseURL the AI SDK reads it from the environment.
      baseURL: withVersion(this.settings.ANTHROPIC_BASE_URL ?? 'https://api.anthropic.com'),
      fetch: this.http.for('anthropic'),
    });
  }
}

/** Adds /v1 to a bare address. Anthropic's own clients expect the address without it, the AI SDK with it. */
function withVersion(address: string): string {
  const url = new URL(address);
  if (url.pathname === '/') url.pathname = '/v1';
  return url.href;
}
