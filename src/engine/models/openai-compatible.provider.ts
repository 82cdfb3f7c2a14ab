import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModelV4 } from '@ai-sdk/provider';
import { Inject } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { ModelFetch } from './model-fetch.js';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { type ModelProvider, ProvidesModels } from './model-provider.js';

/** Provides `openai-compatible/<id>`: any server with OpenAI's chat completions, such as vLLM, Ollama or a gateway. */
@BuiltIn()
@ProvidesModels('openai-compatible')
export class OpenAICompatibleModels implements ModelProvider {
  private create: ReturnType<typeof createOpenAICompatible> | undefined;

  constructor(
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'OPENAI_COMPATIBLE_BASE_URL' | 'OPENAI_COMPATIBLE_API_KEY'>,
    private readonly http: ModelFetch,
  ) {}

  problem(): string | null {
    if (this.settings.OPENAI_COMPATIBLE_BASE_URL) return null;
    return 'This server has no OpenAI-compatible endpoint: set OPENAI_COMPATIBLE_BASE_URL, for example http://127.0.0.1:11434/v1, or use a demo/… model.';
  }

  model(id: string): LanguageModelV4 {
    const apiKey = this.settings.OPENAI_COMPATIBLE_API_KEY;
    this.create ??= createOpenAICompatible({
      name: 'openai-compatible',
      baseURL: this.settings.OPENAI_COMPATIBLE_BASE_URL ?? '',
      ...(apiKey !== undefined && { apiKey }),
      includeUsage: true,
      fetch: this.http.for('openai-chat'),
    });
    return this.create(id);
  }
}
