import { type Json, orNull, Workflow, WorkflowRef } from '@cloutagent/contract';
import { type ConfigCheck, type ConfigProblem, NodeError } from '../extension/node-handler.js';
import type { ChildResult } from '../extension/waiting.js';

/** The members of a config that name the workflow of child executions. */
export const CHILD_WORKFLOW = {
  /** Its placeholders belong to its own nodes. */
  workflow: orNull(Workflow),
  // It must be known when the workflow is posted, so it takes no placeholders.
  ref: orNull(WorkflowRef.meta({ placeholders: 'none' })).meta({
    description: 'A saved workflow: name for its newest version, name@3, or name@production.',
  }),
};
interface ChildWorkflow {
  workflow?: Workflow | undefined;
  ref?: string | undefined;
}

/** Whether a config names exactly one workflow. For `refine`, with `ONE_WORKFLOW`. */
export const hasOneWorkflow = ({ workflow, ref }: ChildWorkflow): boolean =>
  (workflow === undefined) !== (ref === undefined);
export const ONE_WORKFLOW = {
  path: ['workflow'],
  error: 'give the workflow of the child executions, either as workflow or as ref',
};

/** Finds the problems of the workflow of a config. */
export async function checkChildWorkflow(
  { workflow, ref }: ChildWorkflow,
  check: ConfigCheck,
): Promise<ConfigProblem[]> {
  if (ref !== undefined)
    return (await check.checkRef(ref)).map((problem) => ({ ...problem, path: ['ref', ...problem.path] }));
  if (!workflow) return [];
  const problems = await check.checkWorkflow(workflow);
  return problems.map((problem) => ({ ...problem, path: ['workflow', ...problem.path] }));
}

/** Describes how a child ended that did not complete, for a sentence that begins with the child. */
const failureOf = ({ status, error }: ChildResult): string =>
  status === 'failed' && error ? `failed: ${error.message} (${error.code})` : `was ${status}`;

/** The error of a node whose child did not complete. */
export const childFailed = (child: ChildResult): NodeError =>
  new NodeError('child_failed', `The child execution ${child.executionId} ${failureOf(child)}`);

/** @throws NodeError `child_failed` */
export function outputOf(child: ChildResult): Json {
  if (child.status === 'completed') return child.output ?? null;
  throw childFailed(child);
}
