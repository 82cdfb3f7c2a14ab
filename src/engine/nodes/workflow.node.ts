import type { Json } from '@cloutagent/contract';
import { z } from 'zod';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { NodeHandler } from '../extension/node-handler.decorator.js';
import type { ConfigCheck, ConfigProblem, NodeRun, NodeType } from '../extension/node-handler.js';
import {
  CHILD_WORKFLOW,
  checkChildWorkflow,
  hasOneWorkflow,
  ONE_WORKFLOW,
  outputOf,
  workflowOf,
} from './child-config.js';

const WorkflowConfig = z
  .strictObject({
    ...CHILD_WORKFLOW,
    /** The input of the child execution. Default: the input of this execution. */
    input: z.unknown().optional(),
  })
  .refine(hasOneWorkflow, ONE_WORKFLOW);
type WorkflowConfig = z.infer<typeof WorkflowConfig>;

/** Runs a workflow as one child execution. Output: that of the child. */
@BuiltIn()
@NodeHandler('workflow')
export class WorkflowNode implements NodeType<WorkflowConfig> {
  readonly config = WorkflowConfig;
  readonly verbatim = ['workflow'];

  check(config: WorkflowConfig, check: ConfigCheck): Promise<ConfigProblem[]> {
    return checkChildWorkflow(config, check);
  }

  async run(run: NodeRun<WorkflowConfig>): Promise<Json> {
    const { config } = run;
    const input = config.input === undefined ? run.input : (config.input as Json);
    const [child] = await run.runChildren({ key: 'child', workflow: workflowOf(config), inputs: [input] });
    return outputOf(child!);
  }
}
