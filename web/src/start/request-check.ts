import { checkGraph, StartExecution, type Workflow } from '@cloutagent/contract';

/** Something to correct; `path` is dotted, as the server names it. */
export interface Problem {
  path: string;
  message: string;
}

// The server's own limits are settings; it has the last word.
const NO_LIMITS = {
  MAX_WORKFLOW_NODES: Infinity,
  MAX_WORKFLOW_EDGES: Infinity,
  MAX_WORKFLOW_DEPTH: Infinity,
};
const MOST_PROBLEMS = 100;

/** What the contract's schema and the rules of a graph say of a request. */
export function checkRequest(value: unknown): { problems: Problem[]; workflow: Workflow | null } {
  const { success, data, error } = StartExecution.safeParse(value);
  if (!success) {
    const problems = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
    return { problems: problems.slice(0, MOST_PROBLEMS), workflow: null };
  }
  const problems = checkGraph(data.workflow, NO_LIMITS).map(({ path, message }) => ({
    path: ['workflow', ...path].join('.'),
    message,
  }));
  return { problems: problems.slice(0, MOST_PROBLEMS), workflow: data.workflow };
}
