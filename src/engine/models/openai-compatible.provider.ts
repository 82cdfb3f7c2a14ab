import type { OpenAICompatibleProvider } from '@ai-sdk/openai-compatible';
import type { LanguageModelV4 } from '@ai-sdk/provider';
import { Inject } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { compatibleProvider } from './compatible-provider.js';
import { ModelFetch } from './model-fetch.js';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { type ModelProvider, ProvidesModels } from './model-provider.js';

/** Provides `openai-compatible/<id>`: any server with OpenAI's chat completions, such as vLLM, Ollama or a gateway. */
@BuiltIn()
@ProvidesModels('openai-compatible')
export class OpenAICompatibleModels implements ModelProvider {
  private provider: Promise<OpenAICompatibleProvider> | undefined;

  constructor(
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'OPENAI_COMPATIBLE_BASE_URL' | 'OPENAI_COMPATIBLE_API_KEY'>,
    private readonly http: ModelFetch,
  ) {}

  problem(): string | null {
    if (this.settings.OPENAI_COMPATIBLE_BASE_URL) return null;
    return 'This server has no OpenAI-compatible endpoint: set OPENAI_COMPATIBLE_BASE_URL, for example http://127.0.0.1:11434/v1, or use a demo/… model.';
  }

  async model(id: string): Promise<LanguageModelV4> {
    const { OPENAI_COMPATIBLE_BASE_URL: baseUrl = '', OPENAI_COMPATIBLE_API_KEY: apiKey } = this.settings;
    this.provider ??= compatibleProvider('openai-compatible', { baseUrl, apiKey }, this.http);
    return (await this.provider)(id);
  }
}
