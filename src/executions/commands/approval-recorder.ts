import { Injectable } from '@nestjs/common';
import type { ApproveExecution, Execution } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { ProblemError } from '../../problems/problem.error.js';

/** Records persons' answers to approval nodes. */
@Injectable()
export class ApprovalRecorder {
  record(_executionId: string, _answer: ApproveExecution, _principal: Principal): Promise<Execution> {
    return Promise.reject(new ProblemError('no_approval_waiting'));
  }
}
