import type { Json } from '@cloutagent/contract';
import jsonata from 'jsonata';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { NodeHandler } from '../node-handler.decorator.js';
import { NodeError, type NodeRun, type NodeType } from '../node-handler.js';

const LIMIT_MS = 5_000;
const LIMIT_MB = 64;

const TransformConfig = z.strictObject({
  /** JSONata over `{ input, nodes: { <id>: { output } } }`, where nodes are the parents. */
  expression: z.string().min(1).max(20_000),
});
type TransformConfig = z.infer<typeof TransformConfig>;

/**
 * Reshapes data with JSONata. An expression can loop, recurse or fill memory, and nothing inside an event
 * loop can stop it: it runs in a worker with limits of time and memory.
 */
@NodeHandler('transform')
export class TransformNode implements NodeType<TransformConfig> {
  readonly config = TransformConfig;

  check({ expression }: TransformConfig): { path: string[]; message: string }[] {
    // With placeholders in it, it is JSONata only once they are filled in.
    if (expression.includes('{{')) return [];
    try {
      jsonata(expression);
      return [];
    } catch (error) {
      return [{ path: ['expression'], message: `is not valid JSONata: ${(error as Error).message}` }];
    }
  }

  async run({ config, input, inputs, signal }: NodeRun<TransformConfig>): Promise<Json> {
    const nodes = Object.fromEntries(Object.entries(inputs).map(([id, output]) => [id, { output }]));
    const worker = new Worker(new URL('./transform.worker.js', import.meta.url), {
      workerData: { expression: config.expression, data: { input, nodes } },
      resourceLimits: { maxOldGenerationSizeMb: LIMIT_MB, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
      env: {},
      execArgv: [],
    });
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    const fail = (message: string) => reject(new NodeError('transform_failed', message));
    const stop = () => reject(signal.reason as Error);
    const timer = setTimeout(() => fail(`The expression took longer than ${LIMIT_MS} ms.`), LIMIT_MS);
    signal.addEventListener('abort', stop, { once: true });
    worker.once('message', ({ json, error }: { json?: string; error?: string }) => {
      if (json === undefined) fail(`The expression failed: ${error ?? 'its result is not JSON'}`);
      else resolve(JSON.parse(json) as Json);
    });
    worker.once('error', (error) => fail(`The expression failed: ${(error as Error).message}`));
    worker.once('exit', () => fail('The expression ended without a result.'));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      await worker.terminate();
    }
  }
}
