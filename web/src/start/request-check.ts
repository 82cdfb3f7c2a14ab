import { checkGraph, StartExecution, type Workflow } from '@cloutagent/contract';

/** A problem of the request. `path` is dotted, as in the server's responses. */
export interface Problem {
  path: string;
  message: string;
}

// The limits are settings of the server, so only the server can check them.
const NO_LIMITS = {
  MAX_WORKFLOW_NODES: Infinity,
  MAX_WORKFLOW_EDGES: Infinity,
  MAX_WORKFLOW_DEPTH: Infinity,
};
const MAX_PROBLEMS = 100;

/** Checks a request against the contract's schema and the rules of graphs. */
export function checkRequest(value: unknown): { problems: Problem[]; workflow: Workflow | null } {
  const { success, data, error } = StartExecution.safeParse(value);
  if (!success) {
    const problems = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
    return { problems: problems.slice(0, MAX_PROBLEMS), workflow: null };
  }
  const { workflow } = data;
  // Only the server has the saved workflow that the request names.
  if (!workflow) return { problems: [], workflow: null };
  const problems = checkGraph(workflow, NO_LIMITS).map(({ path, message }) => ({
    path: ['workflow', ...path].join('.'),
    message,
  }));
  return { problems: problems.slice(0, MAX_PROBLEMS), workflow };
}
