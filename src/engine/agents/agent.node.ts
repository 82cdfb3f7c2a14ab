import { type Json, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import type { ConfigCheck, NodeRun, NodeType } from '../extension/node-handler.js';
import { AgentLoop } from './agent-loop.js';
import { ConfigChecks } from './config-checks.js';
import { Messages } from './messages.js';
import { ModelConfig } from './model-config.js';

const AgentConfig = ModelConfig.extend({
  prompt: orNull(z.string().min(1, 'must contain a task for the model').max(1_000_000)),
  /** A conversation, instead of the prompt. */
  messages: orNull(Messages),
  /** Omitted from the request if it is blank: providers refuse an empty system prompt. */
  system: orNull(z.string().max(1_000_000)),
}).superRefine(({ prompt, messages }, context) => {
  if ((prompt === undefined) === (messages === undefined))
    context.addIssue({
      code: 'custom',
      path: ['prompt'],
      message: 'give either prompt or messages: prompt is one task as text, messages are a conversation',
    });
});
type AgentConfig = z.infer<typeof AgentConfig>;

/** Calls a model and streams its answer. Output: the final text, or with `output` the value that fits its schema. */
@BuiltIn()
@NodeHandler('agent')
export class AgentNode implements NodeType<AgentConfig> {
  readonly config = AgentConfig;

  constructor(
    private readonly agents: AgentLoop,
    private readonly checks: ConfigChecks,
  ) {}

  check(config: AgentConfig, check: ConfigCheck): ReturnType<ConfigChecks['problems']> {
    return this.checks.problems(config, check);
  }

  run(run: NodeRun<AgentConfig>): Promise<Json> {
    return this.agents.run(run, run.config);
  }
}
