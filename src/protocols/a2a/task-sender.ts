import { Inject, Injectable } from '@nestjs/common';
import { AnswerWait, type Json, StartExecution } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { addressOf } from '../../auth/client-address.js';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { requireScopes } from '../../auth/require-scopes.js';
import { Settings } from '../../config/settings.js';
import { SavedWorkflows } from '../../engine/extension/saved-workflows.js';
import { ExecutionStarter } from '../../executions/commands/execution-starter.js';
import { StreamStarter } from '../../executions/starts/stream-starter.js';
import { FormatReader } from '../../executions/streams/format-reader.js';
import type { OwnFormat } from '../../executions/streams/format-sessions.js';
import { FormattedStreams } from '../../executions/streams/formatted-streams.js';
import { StreamAdmission } from '../../executions/streams/stream-admission.js';
import { ExecutionThreads } from '../../executions/threads/execution-threads.js';
import { NotFoundError, ProblemError } from '../../problems/problem.error.js';
import type { ExecutionThread } from '../../streaming/formats/event-format.js';
import { StreamQuota } from '../../throttling/stream-quota.js';
import { AnswerRecorder } from '../../waits/commands/answer-recorder.js';
import { answerText } from '../answer-nodes.js';
import { A2aError } from './a2a-errors.js';
import { ENDED_STATES, type Message, type Task } from './a2a-types.js';
import { isForClient } from './open-waits.js';
import { parseRequest } from './parse-request.js';
import type { SendMessageRequest, UserMessage } from './requests.js';
import { TaskListRepository } from './task-list.repository.js';
import { type AgentRef, TaskReader, withHistory } from './task-reader.js';
import { taskOf, type TaskState, waitsForClient } from './task-state.js';
import type { TaskThread } from './task-thread.js';
import { type EarlierTurn, inputOfMessage } from './user-message.js';
import { answerOf } from './wait-answer.js';

/** The HTTP request that sends a message. */
export interface MessageSender {
  readonly principal: Principal;
  readonly idempotencyKey: string | undefined;
  readonly request: Request;
  readonly response: Response;
}

/** A message that starts a task. */
interface NewTask {
  readonly body: StartExecution;
  readonly thread: ExecutionThread;
}

/** Sends messages of clients to agents: they start tasks, and answer the waits of tasks. */
@Injectable()
export class TaskSender {
  constructor(
    private readonly tasks: TaskReader,
    private readonly repository: TaskListRepository,
    private readonly workflows: SavedWorkflows,
    private readonly threads: ExecutionThreads,
    private readonly starter: ExecutionStarter,
    private readonly streamStarter: StreamStarter,
    private readonly streams: FormattedStreams,
    private readonly formats: FormatReader,
    private readonly admission: StreamAdmission,
    private readonly answers: AnswerRecorder,
    private readonly quota: StreamQuota,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'A2A_WAIT_TIMEOUT_MS' | 'MAX_TASKS_PER_A2A_CONTEXT'>,
  ) {}

  /**
   * Sends a message, and waits until the task ends or needs input, unless the client does not want to wait. It waits no longer
   * than A2A_WAIT_TIMEOUT_MS, and not while the server stops.
   * @returns the task as it is then
   * @throws what `ExecutionStarter.start` and `AnswerRecorder.record` throw
   * @throws A2aError `TASK_NOT_FOUND`, `UNSUPPORTED_OPERATION` or `PUSH_NOTIFICATION_NOT_SUPPORTED`
   * @throws ProblemError 429 `too_many_streams`, because a waiting request counts as a stream
   */
  async send(agent: AgentRef, sent: SendMessageRequest, sender: MessageSender): Promise<Task> {
    const { principal, idempotencyKey, request } = sender;
    const { message, configuration } = sent;
    refusePushNotifications(sent);
    const waits = configuration?.returnImmediately !== true && this.settings.A2A_WAIT_TIMEOUT_MS > 0;
    using _place = waits ? this.quota.acquire(principal.id, undefined, addressOf(request)) : undefined;
    let taskId: string;
    let after = 0;
    if (message.taskId) ({ taskId, after } = await this.answer(agent, message, principal));
    else {
      requireScopes(principal, ['executions:write', 'executions:read']);
      const { body, thread } = await this.prepare(agent, message, principal);
      taskId = (await this.starter.start(body, principal, idempotencyKey, thread)).execution.id;
    }
    if (waits) await this.untilIdle(taskId, after, sender);
    const { state } = await this.tasks.read(agent, taskId, principal);
    return withHistory(taskOf(state), configuration?.historyLength);
  }

  /**
   * Sends a message, and answers with the stream of the task. It ends when the task ends or needs input.
   * @throws what `send` throws
   */
  async stream(
    agent: AgentRef,
    sent: SendMessageRequest,
    format: string | OwnFormat,
    { principal, idempotencyKey, request, response }: MessageSender,
  ): Promise<void> {
    const { message } = sent;
    refusePushNotifications(sent);
    if (!message.taskId) {
      requireScopes(principal, ['executions:write', 'executions:read']);
      const { body, thread } = await this.prepare(agent, message, principal);
      const start = { body, thread, idempotencyKey, lastEventId: undefined, types: undefined };
      const formatted = { ...start, format: { name: format, endsWhenIdle: true } };
      await this.streamStarter.open(formatted, principal, request, response);
      return;
    }
    // Before the answer is recorded, because a client that is refused sends it again.
    this.streams.check(format, request);
    const admitted = this.admission.prepare(principal, message.taskId, request)();
    try {
      const { taskId: executionId, after } = await this.answer(agent, message, principal);
      const place = { sequence: after + 1, part: 0 };
      const stream = { executionId, format, place, endsWhenIdle: true };
      if (!(await this.streams.openAdmitted(stream, principal, response, () => admitted))) admitted.release();
    } catch (error) {
      admitted.release();
      throw error;
    }
  }

  /** Makes the execution that a message starts. @throws NotFoundError if there is no such saved workflow */
  private async prepare(
    { projectId, ref }: AgentRef,
    given: UserMessage,
    principal: Principal,
  ): Promise<NewTask> {
    if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
    const saved = await this.workflows.find(projectId, ref);
    if (!saved) throw new NotFoundError('saved workflow', ref);
    const message = given as Message;
    const contextId = message.contextId || randomUUID();
    const earlier = message.contextId ? await this.earlierTurns(projectId, saved.name, contextId) : [];
    const input = inputOfMessage(message, contextId, earlier, saved.inputSchema);
    const body = StartExecution.parse({ projectId, workflowRef: ref, input });
    const data: TaskThread = { message };
    return {
      body,
      thread: { protocol: 'a2a', threadId: contextId, data: data as unknown as Json },
    };
  }

  /** Reads what the tasks of a context were asked, and what they answered, the oldest first. Other tasks have no answer. */
  private async earlierTurns(projectId: string, name: string, contextId: string): Promise<EarlierTurn[]> {
    const { MAX_TASKS_PER_A2A_CONTEXT: limit } = this.settings;
    const thread = { projectId, protocol: 'a2a', threadId: contextId };
    const found = await this.threads.list(thread, limit);
    const outputs = await this.repository.outputs(
      found.map(({ executionId }) => executionId),
      name,
    );
    return found
      .filter(({ executionId }) => outputs.has(executionId))
      .toReversed()
      .map(({ executionId, data }) => ({
        message: (data as unknown as TaskThread).message,
        answer: answerText(outputs.get(executionId)),
      }));
  }

  /**
   * Answers a wait of a task.
   * @returns the sequence of the newest event before the answer
   */
  private async answer(
    agent: AgentRef,
    message: UserMessage,
    principal: Principal,
  ): Promise<{ taskId: string; after: number }> {
    requireScopes(principal, ['executions:control', 'executions:read']);
    const { state, lastSequence } = await this.tasks.read(agent, message.taskId!, principal);
    if (message.contextId && message.contextId !== state.contextId)
      throw new ProblemError('validation_failed', undefined, {
        errors: [
          {
            path: 'message.contextId',
            message: 'must be the context of the task: leave it out, or send that of the task',
          },
        ],
      });
    if (ENDED_STATES.includes(state.status.state))
      throw new A2aError(
        'UNSUPPORTED_OPERATION',
        'execution_over',
        'The task has ended and takes no further messages. Send the message without taskId to start another task in the context.',
      );
    const waits = state.waits.filter(isForClient);
    if (waits.length === 0)
      throw new A2aError(
        'UNSUPPORTED_OPERATION',
        'unsupported_operation',
        'The task takes a message only while it waits for input (TASK_STATE_INPUT_REQUIRED).',
      );
    const { waitId, answer } = answerOf(message as Message, waits);
    await this.answers.record(waitId, parseRequest(AnswerWait, answer, 'message.parts'), principal);
    return { taskId: state.id, after: lastSequence };
  }

  /** Resolves when the task ends or needs input, when the client leaves, and when the longest wait is over. */
  private async untilIdle(
    taskId: string,
    after: number,
    { principal, response }: MessageSender,
  ): Promise<void> {
    const left = new AbortController();
    const leave = () => left.abort();
    response.once('close', leave);
    const signal = AbortSignal.any([left.signal, AbortSignal.timeout(this.settings.A2A_WAIT_TIMEOUT_MS)]);
    try {
      for await (const { state } of this.formats.follow<TaskState>(taskId, 'a2a', principal, signal, after))
        if (waitsForClient(state).length > 0) return;
    } finally {
      response.off('close', leave);
    }
  }
}

function refusePushNotifications({ configuration }: SendMessageRequest): void {
  if (configuration?.taskPushNotificationConfig) throw pushNotificationsUnsupported();
}

export const pushNotificationsUnsupported = (): A2aError =>
  new A2aError(
    'PUSH_NOTIFICATION_NOT_SUPPORTED',
    'unsupported_operation',
    'This agent does not send push notifications. Subscribe to the task, or get it again.',
  );
