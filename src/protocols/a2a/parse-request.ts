import type { z } from 'zod';
import { ValidationFailedError } from '../../problems/problem.error.js';
import { check, MAX_PROBLEMS } from '../../problems/schema-problems.js';

/**
 * Checks a value of a request.
 * @param path of the value in the request, for errors
 * @throws ValidationFailedError
 */
export function parseRequest<T>(schema: z.ZodType<T>, value: unknown, path = ''): T {
  const { data, problems } = check(schema, value);
  if (!problems) return data;
  throw new ValidationFailedError(
    problems.slice(0, MAX_PROBLEMS).map((problem) => ({
      path: [...(path === '' ? [] : [path]), ...problem.path].map(String).join('.'),
      message: problem.message,
    })),
  );
}
