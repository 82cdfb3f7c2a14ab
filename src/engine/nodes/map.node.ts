import { type Json, orDefault } from '@cloutagent/contract';
import { z } from 'zod';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import type { ConfigCheck, ConfigProblem, NodeRun, NodeType } from '../extension/node-handler.js';
import type { ChildResult } from '../extension/waiting.js';
import {
  CHILD_WORKFLOW,
  checkChildWorkflow,
  childFailed,
  hasOneWorkflow,
  ONE_WORKFLOW,
  outputOf,
} from './child-config.js';
import { ChildWorkflows } from './child-workflows.js';

const DEFAULT_CONCURRENCY = 10;
const MAX_CONCURRENCY = 1_000;

const MapConfig = z
  .strictObject({
    ...CHILD_WORKFLOW,
    items: z.array(z.unknown(), 'must be a list').meta({
      description: 'The items: each is the input of one child execution.',
    }),
    concurrency: orDefault(z.int().min(1).max(MAX_CONCURRENCY), () => DEFAULT_CONCURRENCY).meta({
      description: `How many child executions run at once. Default ${DEFAULT_CONCURRENCY}.`,
    }),
    onError: orDefault(z.enum(['fail', 'collect']), () => 'fail' as const).meta({
      description:
        'fail (default): the first failure cancels the other child executions and fails the node. collect: all run to their end.',
    }),
  })
  .refine(hasOneWorkflow, ONE_WORKFLOW);
type MapConfig = z.infer<typeof MapConfig>;

/**
 * Runs a workflow on each item of a list, as child executions. Output: the list of their outputs, in the order of the
 * items; with `onError: collect` a list of `{ output }` or `{ error: { message, code } }`.
 */
@BuiltIn()
@NodeHandler('map')
export class MapNode implements NodeType<MapConfig> {
  readonly config = MapConfig;
  readonly verbatim = ['workflow'];

  constructor(private readonly workflows: ChildWorkflows) {}

  check(config: MapConfig, check: ConfigCheck): Promise<ConfigProblem[]> {
    return checkChildWorkflow(config, check);
  }

  async run(run: NodeRun<MapConfig>): Promise<Json> {
    const { items, concurrency, onError } = run.config;
    const child = await this.workflows.of(run);
    // The handler is called again when the children have ended.
    if (!run.resumed) await this.workflows.checkInputs(run, child, items as Json[]);
    const children = await run.runChildren({
      key: 'items',
      workflow: child.workflow,
      savedAs: child.savedAs,
      inputs: items as Json[],
      concurrency,
      onError,
    });
    if (onError === 'collect') return children.map(collected);
    // A child that was cancelled because another one failed is not the cause.
    const failed = children.find(({ status }) => status === 'failed');
    if (failed) throw childFailed(failed);
    return children.map(outputOf);
  }
}

function collected(child: ChildResult): Json {
  if (child.status === 'completed') return { output: child.output ?? null };
  const { message, code } = child.error ?? {
    message: `The child execution was ${child.status}.`,
    code: child.status,
  };
  return { error: { message, code } };
}
