import type { Json } from '@cloutagent/contract';
import jsonata from 'jsonata';
import { z } from 'zod';
import { NodeHandler } from '../node-handler.decorator.js';
import type { NodeRun, NodeType } from '../node-handler.js';
import { TransformWorkers } from './transform-workers.js';
import { isTemplate } from './template-check.js';

const TransformConfig = z.strictObject({
  expression: z.string().min(1).max(20_000),
});
type TransformConfig = z.infer<typeof TransformConfig>;

/**
 * Reshapes data with JSONata (https://docs.jsonata.org), evaluated on `{ input, nodes: { <id>: { output } } }`
 * where `nodes` are the parents. Output: the result; null when there is none.
 */
@NodeHandler('transform')
export class TransformNode implements NodeType<TransformConfig> {
  readonly config = TransformConfig;

  constructor(private readonly workers: TransformWorkers) {}

  check({ expression }: TransformConfig): { path: string[]; message: string }[] {
    // With placeholders in it, it is JSONata only once they are filled in.
    if (isTemplate(expression)) return [];
    try {
      jsonata(expression);
      return [];
    } catch (error) {
      const { message, position } = error as { message?: string; position?: number };
      return [
        {
          path: ['expression'],
          message: `is not valid JSONata: ${message}${position === undefined ? '' : ` (at ${position})`}`,
        },
      ];
    }
  }

  run({ config, input, inputs, signal }: NodeRun<TransformConfig>): Promise<Json> {
    const nodes = Object.fromEntries(Object.entries(inputs).map(([id, output]) => [id, { output }]));
    return this.workers.evaluate(config.expression, { input, nodes }, signal);
  }
}
