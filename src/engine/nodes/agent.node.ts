import { type Json, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { ModelRegistry } from '../models/model-registry.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import type { NodeRun, NodeType } from '../extension/node-handler.js';
import { ModelCall } from './model-call.js';
import { checkModel, ModelConfig } from './model-config.js';

const AgentConfig = ModelConfig.extend({
  prompt: z.string().min(1, 'must contain a task for the model').max(1_000_000),
  /** Omitted from the request if it is blank: providers refuse an empty system prompt. */
  system: orNull(z.string().max(1_000_000)),
});
type AgentConfig = z.infer<typeof AgentConfig>;

/** Calls a model and streams its answer. Output: the final text. */
@NodeHandler('agent')
export class AgentNode implements NodeType<AgentConfig> {
  readonly config = AgentConfig;
  readonly asks = false;

  constructor(
    private readonly calls: ModelCall,
    private readonly models: ModelRegistry,
  ) {}

  check(config: AgentConfig): ReturnType<typeof checkModel> {
    return checkModel(this.models, config);
  }

  run(run: NodeRun<AgentConfig>): Promise<Json> {
    return this.calls.stream(run, run.config);
  }
}
