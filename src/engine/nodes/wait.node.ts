import { type Json, JsonSchema, orDefault, orNull, SignalName } from '@cloutagent/contract';
import { z } from 'zod';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import {
  type ConfigCheck,
  type ConfigProblem,
  NodeError,
  type NodeRun,
  type NodeType,
} from '../extension/node-handler.js';
import { isTemplate } from '../extension/template.js';
import { JsonSchemas } from './json-schemas.js';
import { ExpiresInMs } from './wait-config.js';

const isName = (text: string): boolean => SignalName.safeParse(text).success;

const WaitConfig = z.strictObject({
  signal: z
    .string()
    .max(10_000)
    // A name with placeholders is checked after they are filled in.
    .refine((text) => isTemplate(text) || isName(text), {
      error: 'must be the name of a signal: 1 to 128 letters, digits and . _ : -',
    })
    .meta({ description: 'The name of the signal: 1 to 128 letters, digits and . _ : -' }),
  schema: orNull(JsonSchema),
  expiresInMs: orNull(ExpiresInMs),
  onExpire: orDefault(z.enum(['fail', 'continue']), () => 'fail' as const),
});
type WaitConfig = z.infer<typeof WaitConfig>;

/**
 * Waits for a signal, or for the callback of a third party. Output: the body of the signal; null if the time ended and
 * `onExpire` is continue.
 */
@BuiltIn()
@NodeHandler('wait')
export class WaitNode implements NodeType<WaitConfig> {
  readonly config = WaitConfig;

  constructor(private readonly schemas: JsonSchemas) {}

  async check({ schema }: WaitConfig, check: ConfigCheck): Promise<ConfigProblem[]> {
    const problems = schema ? await this.schemas.check(schema, check) : [];
    return problems.map((problem) => ({ ...problem, path: ['schema', ...problem.path] }));
  }

  async run(run: NodeRun<WaitConfig>): Promise<Json> {
    const { signal, schema, expiresInMs, onExpire } = run.config;
    if (!isName(signal))
      throw new NodeError(
        'invalid_config',
        `The config is not valid: config.signal must be the name of a signal, with 1 to 128 letters, digits and . _ : -, and is ${JSON.stringify(signal.slice(0, 150))}.`,
      );
    const result = await run.waitFor({ kind: 'signal', signal, schema, expiresInMs });
    if (result.outcome === 'signalled') return result.body;
    if (onExpire === 'continue') return null;
    throw new NodeError(
      'signal_expired',
      `No signal ${signal} arrived within ${expiresInMs} ms (expiresInMs).`,
    );
  }
}
