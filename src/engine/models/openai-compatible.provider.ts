import { createOpenAICompatible, type OpenAICompatibleProvider } from '@ai-sdk/openai-compatible';
import { Inject } from '@nestjs/common';
import type { LanguageModel } from 'ai';
import { Settings } from '../../config/settings.js';
import { type ModelProvider, ProvidesModels } from './model-provider.js';

@ProvidesModels('openai-compatible')
export class OpenAICompatibleModels implements ModelProvider {
  private provider: OpenAICompatibleProvider | undefined;

  constructor(
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'OPENAI_COMPATIBLE_BASE_URL' | 'OPENAI_COMPATIBLE_API_KEY'>,
  ) {}

  model(id: string): LanguageModel {
    const { OPENAI_COMPATIBLE_BASE_URL: baseURL = '', OPENAI_COMPATIBLE_API_KEY: apiKey } = this.settings;
    this.provider ??= createOpenAICompatible({
      name: 'openai-compatible',
      baseURL,
      includeUsage: true,
      ...(apiKey !== undefined && { apiKey }),
    });
    return this.provider(id);
  }

  problem(): string | null {
    return this.settings.OPENAI_COMPATIBLE_BASE_URL
      ? null
      : 'this server knows no such endpoint: set OPENAI_COMPATIBLE_BASE_URL, or use a demo/… model';
  }
}
