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
} from './child-config.js';
import { ChildWorkflows } from './child-workflows.js';

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

  constructor(private readonly workflows: ChildWorkflows) {}

  check(config: WorkflowConfig, check: ConfigCheck): Promise<ConfigProblem[]> {
    return checkChildWorkflow(config, check);
  }

  async run(run: NodeRun<WorkflowConfig>): Promise<Json> {
    const { config } = run;
    const input = config.input === undefined ? run.input : (config.input as Json);
    const child = await this.workflows.of(run);
    if (!run.resumed) await this.workflows.checkInputs(run, child, [input]);
    const { workflow, savedAs } = child;
    const [result] = await run.runChildren({ key: 'child', workflow, savedAs, inputs: [input] });
    return outputOf(result!);
  }
}
