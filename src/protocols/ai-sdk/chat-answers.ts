import { Injectable } from '@nestjs/common';
import { AnswerWait } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { requireScopes } from '../../auth/require-scopes.js';
import { isUuid } from '../../common/uuid.js';
import { type AnswerableWait, WaitAnswers } from '../../engine/waits/wait-answers.js';
import { ProblemError, ValidationFailedError } from '../../problems/problem.error.js';
import { check } from '../../problems/schema-problems.js';
import { AnswerRecorder } from '../../waits/commands/answer-recorder.js';
import type { UiMessage } from './chat-request.js';
import { APPROVAL_TOOL, isStandIn, toolPartOf, type ToolUiPart } from './tool-parts.js';

/** An answer of the client in a message. */
interface ChatAnswer {
  readonly waitId: string;
  readonly part: ToolUiPart;
}

/** Answers the waits of executions with what the client has added to its messages. */
@Injectable()
export class ChatAnswers {
  constructor(
    private readonly waits: WaitAnswers,
    private readonly recorder: AnswerRecorder,
  ) {}

  /** Returns the ids of the waits that a message answers. */
  waitIds(message: UiMessage): string[] {
    return answersIn(message).map(({ waitId }) => waitId);
  }

  /**
   * Records the answers of a message of an execution. Those to waits that have ended are left out, so that a request may be
   * repeated.
   * @throws ProblemError 403 `insufficient_scope` or `not_assigned`, 400 `invalid_answer`, 503 `no_worker_free`
   */
  async record(executionId: string, message: UiMessage, principal: Principal): Promise<void> {
    const open = await Promise.all(
      answersIn(message).map(async ({ waitId, part }) => ({ part, wait: await this.waits.find(waitId) })),
    );
    for (const { part, wait } of open) {
      if (!wait || wait.executionId !== executionId || wait.outcome !== null) continue;
      requireScopes(principal, ['executions:control'], 'An approval');
      await this.recorder
        .record(wait.id, checked(answerOf(part, wait)), principal)
        .catch((error: unknown) => {
          if (!(error instanceof ProblemError) || !isEnded(error)) throw error;
        });
    }
  }
}

/** Another client was faster, or the time has ended. The stream shows what has become of it. */
const isEnded = ({ code }: ProblemError): boolean =>
  code === 'wait_already_answered' || code === 'wait_expired';

function answersIn({ parts }: UiMessage): ChatAnswer[] {
  return parts.flatMap((each): ChatAnswer[] => {
    const part = toolPartOf(each);
    if (!part) return [];
    if (part.state === 'approval-responded' && part.approval && isUuid(part.approval.id))
      return [{ waitId: part.approval.id, part }];
    // The client fills in a form with `addToolOutput`. The id of such a call is that of the wait.
    const isForm = part.state === 'output-available' && isStandIn(part) && part.toolName === APPROVAL_TOOL;
    return isForm && isUuid(part.toolCallId) ? [{ waitId: part.toolCallId, part }] : [];
  });
}

function answerOf({ state, output, approval }: ToolUiPart, { kind }: AnswerableWait): object {
  if (state === 'output-available') {
    const { approved = true, comment, values } = (output ?? {}) as Record<string, unknown>;
    return { approved, comment, values };
  }
  const approved = approval?.approved === true;
  const reason = approval?.reason ?? undefined;
  return kind === 'tool' ? { action: approved ? 'approve' : 'deny', reason } : { approved, comment: reason };
}

function checked(answer: object): AnswerWait {
  const result = check(AnswerWait, answer);
  if (!result.success)
    throw new ValidationFailedError(
      result.problems.map(({ path, message }) => ({ path: ['messages', ...path].join('.'), message })),
    );
  return result.data;
}
