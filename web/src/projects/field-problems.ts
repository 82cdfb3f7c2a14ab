import { CloutAgentError } from '@cloutagent/client';

export interface FieldProblem {
  path: string;
  message: string;
}

/** Returns the problems of the fields of a refused request. */
export const problemsOf = (error: Error | undefined): readonly FieldProblem[] =>
  error instanceof CloutAgentError ? (error.problem?.errors ?? []) : [];

/** Returns the field of a request in which a problem is. */
export const fieldOf = ({ path }: { path: string }): string => path.split('.')[0]!;

/** Returns a function that gives the problem of a field of a refused request. */
export function fieldProblems(error: Error | undefined): (field: string) => string | undefined {
  const problems = problemsOf(error);
  return (field) => problems.find((problem) => fieldOf(problem) === field)?.message;
}
