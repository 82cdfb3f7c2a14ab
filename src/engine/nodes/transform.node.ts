import type { Json } from '@cloutagent/contract';
import { z } from 'zod';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import type { ConfigCheck, ConfigProblem, NodeRun, NodeType } from '../extension/node-handler.js';
import { isTemplate } from '../extension/template.js';
import { TransformWorkers } from './transform-workers.js';

const TransformConfig = z.strictObject({
  expression: z.string().min(1).max(20_000),
});
type TransformConfig = z.infer<typeof TransformConfig>;

/**
 * Reshapes data with JSONata (https://docs.jsonata.org), evaluated on `{ input, nodes: { <id>: { output } } }`, where
 * `nodes` are the parents. Output: the result; null if there is none.
 */
@BuiltIn()
@NodeHandler('transform')
export class TransformNode implements NodeType<TransformConfig> {
  readonly config = TransformConfig;

  constructor(private readonly workers: TransformWorkers) {}

  /** Has the expression parsed in another process: some expressions of a few hundred characters take a minute to parse. */
  async check(
    { expression }: TransformConfig,
    check: Pick<ConfigCheck, 'projectId' | 'request'>,
  ): Promise<ConfigProblem[]> {
    // An expression with placeholders is valid JSONata only after they are filled in.
    if (isTemplate(expression)) return [];
    const problems = await this.workers.check({ kind: 'expression', text: expression }, check);
    return problems.map((problem) => ({ ...problem, path: ['expression'] }));
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
