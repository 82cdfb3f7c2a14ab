import { Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { isUuid } from '../../common/uuid.js';
import { WaitAnswers } from '../../engine/waits/wait-answers.js';
import { checkAssigned } from '../../executions/commands/assignment.js';
import { ProblemError } from '../../problems/problem.error.js';
import { AnswerRecorder } from '../../waits/commands/answer-recorder.js';
import { answerOf, type ElicitationForm, formOf } from './elicitation-forms.js';
import { isRecord } from './legacy-session.js';
import type { AskedWait } from './mcp-state.js';

/** What became of the answer of a person. */
export type TakenAnswer =
  | { readonly kind: 'answered' }
  | { readonly kind: 'declined' }
  | { readonly kind: 'invalid'; readonly problem: string };

/** Asks the people at MCP clients for the answers to waits, and records them. */
@Injectable()
export class ElicitedAnswers {
  constructor(
    private readonly recorder: AnswerRecorder,
    private readonly waits: WaitAnswers,
  ) {}

  /**
   * Makes the form of a wait.
   * @returns undefined if the principal may not answer it, or if a form cannot ask for the answer
   */
  formFor(wait: AskedWait, principal: Principal, problem?: string): ElicitationForm | undefined {
    if (!principal.scopes.includes('executions:control')) return undefined;
    try {
      checkAssigned(wait.assignees ?? null, principal);
    } catch {
      return undefined;
    }
    return formOf(wait, problem);
  }

  /**
   * Takes an ElicitResult. Only the action `accept` answers the wait: the others leave it open.
   * @param executionId the execution that the wait must be of; undefined for any
   * @throws ProblemError 403 `not_assigned`, 404 `not_found`, 503
   */
  async take(
    waitId: string,
    result: unknown,
    principal: Principal,
    executionId?: string,
  ): Promise<TakenAnswer> {
    if (!isRecord(result) || result['action'] !== 'accept') return { kind: 'declined' };
    if (!principal.scopes.includes('executions:control')) throw new ProblemError('insufficient_scope');
    const wait = isUuid(waitId) ? await this.waits.find(waitId) : undefined;
    if (!wait || wait.kind === 'timer' || wait.kind === 'children') return { kind: 'declined' };
    if (executionId !== undefined && wait.executionId !== executionId) return { kind: 'declined' };
    const content = isRecord(result['content']) ? (result['content'] as Record<string, Json>) : {};
    const { schema } = wait.details;
    try {
      await this.recorder.record(
        waitId,
        answerOf({ kind: wait.kind, ...(schema && { schema }) }, content),
        principal,
      );
      return { kind: 'answered' };
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      // Another answer was first, or the time is up: the execution continues without this one.
      if (error.getStatus() === 409) return { kind: 'answered' };
      if (error.code === 'invalid_answer') return { kind: 'invalid', problem: error.message };
      throw error;
    }
  }
}
