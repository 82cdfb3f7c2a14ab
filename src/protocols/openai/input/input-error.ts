import { ValidationFailedError } from '../../../problems/problem.error.js';

/**
 * Makes the error for a part of a request that is wrong.
 * @param path the parameter, such as `input[0].content[1]`
 * @param message what is wrong and what to do
 */
export const inputError = (path: string, message: string): ValidationFailedError =>
  new ValidationFailedError([{ path, message }]);
