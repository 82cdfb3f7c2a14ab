import { Inject, Injectable } from '@nestjs/common';
import { isTerminal } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import type { Principal } from '../../auth/principal.js';
import { requireScopes } from '../../auth/require-scopes.js';
import { Settings } from '../../config/settings.js';
import { ExecutionControl } from '../../executions/commands/execution-control.js';
import { FormatReader } from '../../executions/streams/format-reader.js';
import type { OwnFormat } from '../../executions/streams/format-sessions.js';
import { FormattedStreams } from '../../executions/streams/formatted-streams.js';
import { NoContentSignal } from '../../problems/no-content.signal.js';
import { ProblemError } from '../../problems/problem.error.js';
import { A2aError } from './a2a-errors.js';
import type { Task } from './a2a-types.js';
import { type AgentRef, TaskReader } from './task-reader.js';
import { taskOf } from './task-state.js';

/** Cancels tasks, and subscribes clients to them. */
@Injectable()
export class TaskControl {
  constructor(
    private readonly tasks: TaskReader,
    private readonly control: ExecutionControl,
    private readonly formats: FormatReader,
    private readonly streams: FormattedStreams,
    @Inject(Settings) private readonly settings: Pick<Settings, 'CANCEL_GRACE_MS'>,
  ) {}

  /**
   * Cancels a task, and waits for its end, at most for CANCEL_GRACE_MS.
   * @returns the task as it is then
   * @throws A2aError `TASK_NOT_FOUND`, or `TASK_NOT_CANCELABLE` if it has ended in another way
   */
  async cancel(agent: AgentRef, taskId: string, principal: Principal): Promise<Task> {
    requireScopes(principal, ['executions:control', 'executions:read']);
    const { id } = await this.tasks.find(agent, taskId, principal);
    try {
      await this.control.request(id, 'cancel', principal);
    } catch (error) {
      if (!(error instanceof ProblemError) || error.code !== 'execution_over') throw error;
      throw new A2aError('TASK_NOT_CANCELABLE', 'execution_over', error.message);
    }
    const events = this.formats.follow(
      id,
      'a2a',
      principal,
      AbortSignal.timeout(this.settings.CANCEL_GRACE_MS),
    );
    // The last event is the end of the task.
    while (!(await events.next()).done);
    return taskOf((await this.tasks.read(agent, id, principal)).state);
  }

  /**
   * Opens the stream of a task that has not ended. It begins with the task as it stands.
   * @throws A2aError `TASK_NOT_FOUND`, or `UNSUPPORTED_OPERATION` if the task has ended
   * @throws ProblemError 429 `too_many_streams`
   */
  async subscribe(
    agent: AgentRef,
    taskId: string,
    format: string | OwnFormat,
    { principal, request, response }: { principal: Principal; request: Request; response: Response },
  ): Promise<void> {
    requireScopes(principal, ['executions:read']);
    const { id, status } = await this.tasks.find(agent, taskId, principal);
    if (isTerminal(status)) throw ended();
    try {
      await this.streams.open({ executionId: id, format, place: 'newest' }, principal, request, response);
    } catch (error) {
      throw error instanceof NoContentSignal ? ended() : error;
    }
  }
}

const ended = (): A2aError =>
  new A2aError(
    'UNSUPPORTED_OPERATION',
    'execution_over',
    'The task has ended, so there are no updates to subscribe to. Get the task instead.',
  );
