import { setTimeout as sleep } from 'node:timers/promises';
import { type Json, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import type { NodeRun, NodeType } from '../extension/node-handler.js';

/** Timers are exact to the second. A shorter delay is kept in memory, and starts again if its process dies. */
const SHORTEST_TIMER_MS = 1_000;
/** A day. */
const MAX_MS = 86_400_000;
const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z');

const DelayConfig = z
  .strictObject({
    ms: orNull(z.int().min(0).max(MAX_MS)).meta({
      description: 'How long to wait, in ms; a day at most. For more, use until.',
    }),
    until: orNull(
      z.iso.datetime({ offset: true }).refine((time) => Date.parse(time) <= LAST_TIME, {
        error: 'must be a time before the year 10000, in UTC',
      }),
    ).meta({
      description: 'When to continue, in ISO 8601. A time in the past continues at once.',
    }),
  })
  .refine(({ ms, until }) => (ms === undefined) !== (until === undefined), {
    message: 'needs either ms or until',
  });
type DelayConfig = z.infer<typeof DelayConfig>;

/** Waits by a timer that survives restarts. Output: that of its parent if it has exactly one, otherwise null. */
@BuiltIn()
@NodeHandler('delay')
export class DelayNode implements NodeType<DelayConfig> {
  readonly config = DelayConfig;

  async run(run: NodeRun<DelayConfig>): Promise<Json> {
    const { config, inputs, signal } = run;
    const { ms, until } = config;
    if (ms === undefined || ms >= SHORTEST_TIMER_MS) await run.waitFor({ kind: 'timer', ms, until });
    else
      await run
        .untimed(() => sleep(ms, undefined, { signal }))
        .catch((error: unknown) => {
          signal.throwIfAborted();
          throw error;
        });
    const [output, ...others] = Object.values(inputs);
    return output === undefined || others.length > 0 ? null : output;
  }
}
