import { Json, orDefault, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { McpConfig } from '../mcp/mcp-config.js';
import type { Messages } from './messages.js';
import { OutputConfig } from './output-formats.js';
import { AgentToolConfig } from './tool-config.js';

const ModelName = z.string().min(1).max(200);

/** The config that all nodes with a model have in common. */
export const ModelConfig = z.strictObject({
  /** With several models, the next one is used when one fails in a way that may pass. */
  model: z.union(
    [
      ModelName,
      z
        .array(ModelName)
        .min(1)
        .max(10)
        .refine((names) => new Set(names).size === names.length, 'must be different models'),
    ],
    'must be the name of a model, such as demo/echo, or a list of names',
  ),
  temperature: orNull(z.number().min(0).max(2)),
  maxOutputTokens: orNull(z.int().min(1).max(1_000_000)),
  providerOptions: orNull(z.record(z.string(), z.record(z.string(), Json))),
  tools: orNull(
    z
      .array(AgentToolConfig, 'must be a list of tools')
      .max(64)
      .refine(
        (tools) => new Set(tools.map(({ name }) => name)).size === tools.length,
        'must have different names',
      ),
  ),
  mcp: orNull(McpConfig),
  /** How many times the model may call tools and continue with their results. Then it must answer. */
  maxToolRounds: orDefault(z.int().min(1).max(50), () => 5),
  output: orNull(OutputConfig),
});
export type ModelConfig = z.infer<typeof ModelConfig>;

/** A request to a model: either a prompt or messages. */
export interface ModelRequest extends ModelConfig {
  prompt?: string | undefined;
  messages?: Messages | undefined;
  system?: string | undefined;
}

/** The models of a config, in the order in which they are tried. */
export const modelsOf = ({ model }: Pick<ModelConfig, 'model'>): readonly string[] => [model].flat();
