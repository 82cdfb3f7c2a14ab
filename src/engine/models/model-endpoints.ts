import type { OpenAICompatibleProvider } from '@ai-sdk/openai-compatible';
import type { LanguageModelV4 } from '@ai-sdk/provider';
import { Inject, Injectable } from '@nestjs/common';
import { type ModelEndpoint, Settings } from '../../config/settings.js';
import { compatibleProvider } from './compatible-provider.js';
import { ModelFetch } from './model-fetch.js';
import type { ModelProvider } from './model-provider.js';

/** Makes the providers of the setting MODEL_ENDPOINTS: servers with OpenAI's chat completions, by name. */
@Injectable()
export class ModelEndpoints {
  constructor(
    @Inject(Settings) private readonly settings: Pick<Settings, 'MODEL_ENDPOINTS'>,
    private readonly http: ModelFetch,
  ) {}

  /** The providers, by name. */
  providers(): [name: string, provider: ModelProvider][] {
    return Object.entries(this.settings.MODEL_ENDPOINTS).map(([name, endpoint]) => [
      name,
      new EndpointModels(name, endpoint, this.http),
    ]);
  }
}

class EndpointModels implements ModelProvider {
  private provider: Promise<OpenAICompatibleProvider> | undefined;

  constructor(
    private readonly name: string,
    private readonly endpoint: ModelEndpoint,
    private readonly http: ModelFetch,
  ) {}

  problem(): null {
    return null;
  }

  async model(id: string): Promise<LanguageModelV4> {
    this.provider ??= compatibleProvider(this.name, this.endpoint, this.http);
    return (await this.provider)(id);
  }
}
