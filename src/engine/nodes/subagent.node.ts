import { type Json, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { ModelRegistry } from '../models/model-registry.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import type { NodeRun, NodeType } from '../extension/node-handler.js';
import { asText } from '../extension/template.js';
import { ModelCall } from './model-call.js';
import { checkModel, ModelConfig } from './model-config.js';

const SubagentConfig = ModelConfig.extend({
  /** Who the specialist is. */
  name: z.string().min(1).max(200),
  instructions: z.string().min(1).max(1_000_000),
  /** What to do; left out, it works on the outputs of its parents, or on the input when it has none. */
  task: orNull(z.string().min(1).max(1_000_000)),
});
type SubagentConfig = z.infer<typeof SubagentConfig>;

/** A named specialist that other nodes hand their work to. Output: the final text. */
@NodeHandler('subagent')
export class SubagentNode implements NodeType<SubagentConfig> {
  readonly config = SubagentConfig;
  readonly asks = false;

  constructor(
    private readonly calls: ModelCall,
    private readonly models: ModelRegistry,
  ) {}

  check(config: SubagentConfig): ReturnType<typeof checkModel> {
    return checkModel(this.models, config);
  }

  run(run: NodeRun<SubagentConfig>): Promise<Json> {
    const { name, instructions, task, ...model } = run.config;
    const given = task ?? handedOver(run);
    return this.calls.stream(run, {
      ...model,
      system: `You are ${name}.\n\n${instructions}`,
      // Providers refuse an empty prompt.
      prompt: given.trim() === '' ? '(nothing was handed over)' : given,
    });
  }
}

/** One parent's output as it is; those of several under their nodes' ids. */
function handedOver({ input, inputs }: NodeRun<unknown>): string {
  const outputs = Object.entries(inputs);
  const [only, ...others] = outputs;
  if (!only) return asText(input);
  if (others.length === 0) return asText(only[1]);
  return outputs.map(([id, output]) => `## ${id}\n\n${asText(output)}`).join('\n\n');
}
