import { Module } from '@nestjs/common';
import { AnthropicModels } from './anthropic.provider.js';
import { DemoModels } from './demo/demo.provider.js';
import { ModelFetch } from './model-fetch.js';
import { ModelRegistry } from './model-registry.js';
import { GoogleModels } from './google.provider.js';
import { MistralModels } from './mistral.provider.js';
import { ModelEndpoints } from './model-endpoints.js';
import { OpenAIModels } from './openai.provider.js';
import { OpenAICompatibleModels } from './openai-compatible.provider.js';
import { PriceTable } from './prices.js';

/** Language models by name, and their prices. */
@Module({
  providers: [
    ModelRegistry,
    PriceTable,
    ModelFetch,
    ModelEndpoints,
    DemoModels,
    AnthropicModels,
    GoogleModels,
    MistralModels,
    OpenAIModels,
    OpenAICompatibleModels,
  ],
  exports: [ModelRegistry, PriceTable],
})
export class ModelsModule {}
