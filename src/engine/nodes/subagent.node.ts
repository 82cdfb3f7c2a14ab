import { Inject } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { z } from 'zod';
import { ModelCall } from '../models/model-call.js';
import { ModelRegistry } from '../models/model-registry.js';
import { NodeHandler } from '../node-handler.decorator.js';
import type { NodeRun, NodeType } from '../node-handler.js';
import { checkModel, ModelConfig } from './model-config.js';

const SubagentConfig = ModelConfig.extend({
  name: z.string().min(1).max(200),
  instructions: z.string().min(1).max(1_000_000),
  /** What to do; left out, it works on its parents' outputs, or on the input when it has none. */
  task: z.string().min(1).max(1_000_000).optional(),
});
type SubagentConfig = z.infer<typeof SubagentConfig>;

/** A named specialist that other nodes hand work to. Output: the final text. */
@NodeHandler('subagent')
export class SubagentNode implements NodeType<SubagentConfig> {
  readonly config = SubagentConfig;

  constructor(
    @Inject(ModelCall) private readonly calls: ModelCall,
    @Inject(ModelRegistry) private readonly models: ModelRegistry,
  ) {}

  check(config: SubagentConfig): ReturnType<typeof checkModel> {
    return checkModel(this.models, config);
  }

  run(run: NodeRun<SubagentConfig>): Promise<Json> {
    const { name, instructions, task } = run.config;
    const handed = Object.entries(run.inputs).map(([id, output]) => `${id}:\n${asText(output)}`);
    const prompt = task ?? (handed.length > 0 ? handed.join('\n\n') : asText(run.input));
    return this.calls.stream(run, { ...run.config, prompt, system: `You are ${name}.\n${instructions}` });
  }
}

const asText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));
