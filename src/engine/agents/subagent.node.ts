import { type Json, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import type { ConfigCheck, NodeRun, NodeType } from '../extension/node-handler.js';
import { asText } from '../extension/template.js';
import { AgentLoop } from './agent-loop.js';
import { ConfigChecks } from './config-checks.js';
import { ModelConfig } from './model-config.js';

const SubagentConfig = ModelConfig.extend({
  /** The specialist's name, part of the system prompt. */
  name: z.string().min(1).max(200),
  instructions: z.string().min(1).max(1_000_000),
  /** The task. By default the outputs of the node's parents, or the input if it has no parents. */
  task: orNull(z.string().min(1).max(1_000_000)),
});
type SubagentConfig = z.infer<typeof SubagentConfig>;

/** A named specialist that works on a task, or on the outputs of other nodes. Output: as of `agent`. */
@BuiltIn()
@NodeHandler('subagent')
export class SubagentNode implements NodeType<SubagentConfig> {
  readonly config = SubagentConfig;

  constructor(
    private readonly agents: AgentLoop,
    private readonly checks: ConfigChecks,
  ) {}

  check(config: SubagentConfig, check: ConfigCheck): ReturnType<ConfigChecks['problems']> {
    return this.checks.problems(config, check);
  }

  run(run: NodeRun<SubagentConfig>): Promise<Json> {
    const { name, instructions, task, ...model } = run.config;
    const prompt = task ?? defaultTask(run);
    return this.agents.run(run, {
      ...model,
      system: `You are ${name}.\n\n${instructions}`,
      // Providers refuse an empty prompt.
      prompt: prompt.trim() === '' ? '(nothing was handed over)' : prompt,
    });
  }
}

/** The output of a single parent unchanged, or the outputs of several parents under the ids of their nodes. */
function defaultTask({ input, inputs }: NodeRun<unknown>): string {
  const outputs = Object.entries(inputs);
  const [first, ...others] = outputs;
  if (!first) return asText(input);
  if (others.length === 0) return asText(first[1]);
  return outputs.map(([id, output]) => `## ${id}\n\n${asText(output)}`).join('\n\n');
}
