import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { AnthropicModels } from './anthropic.provider.js';
import { DemoModels } from './demo.provider.js';
import { ModelRegistry } from './model-registry.js';
import { OpenAICompatibleModels } from './openai-compatible.provider.js';
import { PriceTable } from './prices.js';

@Module({
  imports: [DiscoveryModule],
  providers: [ModelRegistry, PriceTable, DemoModels, AnthropicModels, OpenAICompatibleModels],
  exports: [ModelRegistry, PriceTable],
})
export class ModelsModule {}
