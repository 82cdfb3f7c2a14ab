import type { MistralProvider } from '@ai-sdk/mistral';
import type { LanguageModelV4 } from '@ai-sdk/provider';
import { Inject } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { missingKey } from './missing-key.js';
import { ModelFetch } from './model-fetch.js';
import { type ModelProvider, ProvidesModels } from './model-provider.js';

/** Provides `mistral/<id>`: Mistral's chat completions. */
@BuiltIn()
@ProvidesModels('mistral')
export class MistralModels implements ModelProvider {
  private provider: Promise<MistralProvider> | undefined;

  constructor(
    @Inject(Settings) private readonly settings: Pick<Settings, 'MISTRAL_API_KEY' | 'MISTRAL_BASE_URL'>,
    private readonly http: ModelFetch,
  ) {}

  problem(): string | null {
    return missingKey(this.settings, 'Mistral', 'MISTRAL_API_KEY');
  }

  async model(id: string): Promise<LanguageModelV4> {
    this.provider ??= this.load();
    return (await this.provider)(id);
  }

  private async load(): Promise<MistralProvider> {
    const { createMistral } = await import('@ai-sdk/mistral');
    return createMistral({
      apiKey: this.settings.MISTRAL_API_KEY ?? '',
      baseURL: this.settings.MISTRAL_BASE_URL ?? 'https://api.mistral.ai/v1',
      fetch: this.http.for('mistral'),
    });
  }
}
