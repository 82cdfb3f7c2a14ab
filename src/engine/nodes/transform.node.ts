import type { Json } from '@cloutagent/contract';
import { z } from 'zod';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import type { ConfigCheck, ConfigProblem, NodeRun, NodeType } from '../extension/node-handler.js';
import { TransformWorkers } from './transform-workers.js';
import { isTemplate } from '../extension/template-check.js';

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
  readonly asks = false;

  constructor(private readonly workers: TransformWorkers) {}

  /** Not here: some expressions of a few hundred characters take a minute to be parsed. */
  async check({ expression }: TransformConfig, check: ConfigCheck): Promise<ConfigProblem[]> {
    // With placeholders in it, it is JSONata only once they are filled in.
    if (isTemplate(expression)) return [];
    const problem = await this.workers.check(expression, check);
    return problem ? [{ path: ['expression'], ...problem }] : [];
  }

  async run(run: NodeRun<TransformConfig>): Promise<Json> {
    const { config, projectId, input, inputs, signal } = run;
    const nodes = Object.fromEntries(Object.entries(inputs).map(([id, output]) => [id, { output }]));
    const worker = await run.untimed(() => this.workers.acquire(projectId, signal));
    try {
      return await worker.evaluate(config.expression, { input, nodes });
    } finally {
      worker.release();
    }
  }
}
