import type { Json } from '@cloutagent/contract';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { NodeHandler } from '../node-handler.decorator.js';
import type { NodeRun, NodeType } from '../node-handler.js';

const DelayConfig = z.strictObject({ ms: z.int().min(0).max(86_400_000) });
type DelayConfig = z.infer<typeof DelayConfig>;

/** Waits. Output: its parent's output when it has just one parent, else null. */
@NodeHandler('delay')
export class DelayNode implements NodeType<DelayConfig> {
  readonly config = DelayConfig;

  async run({ config, inputs, signal }: NodeRun<DelayConfig>): Promise<Json> {
    await sleep(config.ms, undefined, { signal });
    const [output, ...others] = Object.values(inputs);
    return output === undefined || others.length > 0 ? null : output;
  }
}
