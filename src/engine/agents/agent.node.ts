import { type Json, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { ModelRegistry } from '../models/model-registry.js';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import type { NodeRun, NodeType } from '../extension/node-handler.js';
import { ToolRegistry } from '../tools/tool-registry.js';
import { ModelCall } from './model-call.js';
import { checkModel, ModelConfig } from './model-config.js';

const AgentConfig = ModelConfig.extend({
  prompt: z.string().min(1, 'must contain a task for the model').max(1_000_000),
  /** Omitted from the request if it is blank: providers refuse an empty system prompt. */
  system: orNull(z.string().max(1_000_000)),
});
type AgentConfig = z.infer<typeof AgentConfig>;

/** Calls a model and streams its answer. Output: the final text. */
@BuiltIn()
@NodeHandler('agent')
export class AgentNode implements NodeType<AgentConfig> {
  readonly config = AgentConfig;

  constructor(
    private readonly calls: ModelCall,
    private readonly models: ModelRegistry,
    private readonly tools: ToolRegistry,
  ) {}

  check(config: AgentConfig): ReturnType<typeof checkModel> {
    return checkModel(this.models, this.tools, config);
  }

  run(run: NodeRun<AgentConfig>): Promise<Json> {
    return this.calls.stream(run, run.config);
  }
}
