import type { OpenAIProvider } from '@ai-sdk/openai';
import type { LanguageModelV4 } from '@ai-sdk/provider';
import { Inject } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { missingKey } from './missing-key.js';
import { ModelFetch } from './model-fetch.js';
import { type ModelProvider, ProvidesModels } from './model-provider.js';

/** Provides `openai/<id>`: OpenAI's Responses API. */
@BuiltIn()
@ProvidesModels('openai')
export class OpenAIModels implements ModelProvider {
  private provider: Promise<OpenAIProvider> | undefined;

  constructor(
    @Inject(Settings) private readonly settings: Pick<Settings, 'OPENAI_API_KEY' | 'OPENAI_BASE_URL'>,
    private readonly http: ModelFetch,
  ) {}

  problem(): string | null {
    return missingKey(this.settings, 'OpenAI', 'OPENAI_API_KEY');
  }

  async model(id: string): Promise<LanguageModelV4> {
    this.provider ??= this.load();
    return (await this.provider).responses(id);
  }

  private async load(): Promise<OpenAIProvider> {
    const { createOpenAI } = await import('@ai-sdk/openai');
    return createOpenAI({
      apiKey: this.settings.OPENAI_API_KEY ?? '',
      // The default address is passed explicitly: without a baseURL the AI SDK reads it from the environment.
      baseURL: this.settings.OPENAI_BASE_URL ?? 'https://api.openai.com/v1',
      fetch: this.http.for('openai-responses'),
    });
  }
}
