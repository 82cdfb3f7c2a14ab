import { Injectable } from '@nestjs/common';
import type { AnswerWait, EndedWait } from '@cloutagent/contract';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { isUuid } from '../../common/uuid.js';
import type { Answer } from '../../engine/waits/answer-batches.js';
import { type AnswerableWait, WaitAnswers } from '../../engine/waits/wait-answers.js';
import { checkAssigned } from '../../executions/commands/assignment.js';
import { NotFoundError } from '../../problems/problem.error.js';

/** An answer that fits its wait, and that the principal may give. */
export type CheckedAnswer = Answer;

/** Records the answers of principals to waits. */
@Injectable()
export class AnswerRecorder {
  constructor(private readonly waits: WaitAnswers) {}

  /**
   * Ends a wait by an answer. Of several answers, the first one counts.
   * @throws NotFoundError if the wait does not exist or is not in a project of the principal
   * @throws ProblemError 400 `invalid_answer`, 403 `not_assigned`, 409 `wait_already_answered` or `wait_expired`, 503
   *   `no_worker_free`
   */
  async record(waitId: string, answer: AnswerWait, principal: Principal): Promise<EndedWait> {
    const wait = await this.find(waitId, principal);
    const { outcome, settledAt } = await this.waits.answer(wait, answer, principal.id);
    return {
      waitId: wait.id,
      executionId: wait.executionId,
      outcome,
      by: principal.id,
      settledAt: settledAt.toISOString(),
    };
  }

  /**
   * Checks an answer for `recordTogether`, and does not record it.
   * @throws what `record` throws
   */
  async check(waitId: string, answer: AnswerWait, principal: Principal): Promise<CheckedAnswer> {
    return this.waits.check(await this.find(waitId, principal), answer, principal.id);
  }

  /**
   * Ends waits of one execution by checked answers, so that the execution continues with all of them at once.
   * @returns the ids of the waits that had ended before
   */
  recordTogether(answers: readonly CheckedAnswer[]): Promise<string[]> {
    return this.waits.answerTogether(answers);
  }

  private async find(waitId: string, principal: Principal): Promise<AnswerableWait> {
    const wait = isUuid(waitId) ? await this.waits.find(waitId) : undefined;
    if (!wait || !ownsProject(principal, wait.projectId)) throw new NotFoundError('wait');
    checkAssigned(wait.assignees, principal);
    return wait;
  }
}
