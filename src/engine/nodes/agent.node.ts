import { Inject } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { z } from 'zod';
import { ModelCall } from '../models/model-call.js';
import { NodeHandler } from '../node-handler.decorator.js';
import type { NodeRun, NodeType } from '../node-handler.js';
import { checkModel, ModelConfig } from './model-config.js';
import { ModelRegistry } from '../models/model-registry.js';

const AgentConfig = ModelConfig.extend({
  prompt: z.string().min(1).max(1_000_000),
  system: z.string().max(1_000_000).optional(),
});
type AgentConfig = z.infer<typeof AgentConfig>;

/** Asks a model and streams its answer. Output: the final text. */
@NodeHandler('agent')
export class AgentNode implements NodeType<AgentConfig> {
  readonly config = AgentConfig;

  constructor(
    @Inject(ModelCall) private readonly calls: ModelCall,
    @Inject(ModelRegistry) private readonly models: ModelRegistry,
  ) {}

  check(config: AgentConfig): ReturnType<typeof checkModel> {
    return checkModel(this.models, config);
  }

  run(run: NodeRun<AgentConfig>): Promise<Json> {
    return this.calls.stream(run, { ...run.config, prompt: run.config.prompt, system: run.config.system });
  }
}
