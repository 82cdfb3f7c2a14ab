import { type Json, orNull, Workflow } from '@cloutagent/contract';
import { z } from 'zod';
import { type ConfigCheck, type ConfigProblem, NodeError } from '../extension/node-handler.js';
import type { ChildResult } from '../extension/waiting.js';

/** The members of a config that name the workflow of child executions. */
export const CHILD_WORKFLOW = {
  /** Its placeholders belong to its own nodes. */
  workflow: orNull(Workflow),
  ref: orNull(z.string().min(1).max(300)).meta({
    description: 'The name of a saved workflow. This server has none yet: use workflow.',
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
    return [
      {
        path: ['ref'],
        message: 'saved workflows are not available on this server: give the workflow as workflow',
        code: 'not_available',
      },
    ];
  if (!workflow) return [];
  const problems = await check.checkWorkflow(workflow);
  return problems.map((problem) => ({ ...problem, path: ['workflow', ...problem.path] }));
}

/** @throws NodeError `invalid_config` if the config has a `ref` instead */
export function workflowOf({ workflow }: ChildWorkflow): Workflow {
  if (workflow) return workflow;
  throw new NodeError('invalid_config', 'Saved workflows are not available on this server: use workflow.');
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
