import type { ExecutionStatus } from '@cloutagent/contract';
import { ProblemError } from '../../problems/problem.error.js';

/** 409: the execution has ended. */
export class ExecutionEndedError extends ProblemError {
  constructor(status: ExecutionStatus) {
    const ended = status === 'cancelled' ? 'was cancelled' : `has ${status}`;
    super('execution_over', `The execution ${ended} and can no longer be changed.`);
  }
}
