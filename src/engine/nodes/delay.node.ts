import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from '@cloutagent/contract';
import { z } from 'zod';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import type { NodeRun, NodeType } from '../extension/node-handler.js';

const DelayConfig = z.strictObject({
  ms: z.int().min(0).max(86_400_000).meta({ description: 'How long to wait, in ms; a day at most.' }),
});
type DelayConfig = z.infer<typeof DelayConfig>;

/** Waits. Output: that of its parent if it has exactly one, otherwise null. */
@BuiltIn()
@NodeHandler('delay')
export class DelayNode implements NodeType<DelayConfig> {
  readonly config = DelayConfig;

  async run({ config, inputs, signal }: NodeRun<DelayConfig>): Promise<Json> {
    await sleep(config.ms, undefined, { signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw error;
    });
    const [output, ...others] = Object.values(inputs);
    return output === undefined || others.length > 0 ? null : output;
  }
}
