import { CloutAgentError } from '@cloutagent/client';

/** Returns a function that gives the problem of a field of a refused request. */
export function fieldProblems(error: Error | undefined): (field: string) => string | undefined {
  const errors = error instanceof CloutAgentError ? (error.problem?.errors ?? []) : [];
  return (field) => errors.find(({ path }) => path.split('.')[0] === field)?.message;
}
