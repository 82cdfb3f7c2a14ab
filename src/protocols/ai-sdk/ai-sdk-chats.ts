import { Injectable } from '@nestjs/common';
import { type Execution, isTerminal, type Json } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { nameOf, ownsProject, type Principal } from '../../auth/principal.js';
import { SavedWorkflows } from '../../engine/extension/saved-workflows.js';
import { ExecutionControl } from '../../executions/commands/execution-control.js';
import { StreamStarter } from '../../executions/starts/stream-starter.js';
import { ExecutionLookup } from '../../executions/streams/execution-lookup.js';
import { FormatReader } from '../../executions/streams/format-reader.js';
import { FormattedStreams } from '../../executions/streams/formatted-streams.js';
import type { FramePlace } from '../../executions/streams/frame-place.js';
import { ExecutionThreads, type ThreadExecution } from '../../executions/threads/execution-threads.js';
import { NoContentSignal } from '../../problems/no-content.signal.js';
import { NotFoundError, ProblemError, ValidationFailedError } from '../../problems/problem.error.js';
import { inputOf } from '../chat-input.js';
import { AI_SDK } from './ai-sdk.format.js';
import { ChatAnswers } from './chat-answers.js';
import { type ChatRequest, dataOf, type UiMessage } from './chat-request.js';
import { DeliveredAnswers } from './delivered-answers.js';
import { modelMessages, textOf } from './model-messages.js';
import type { UiChunk } from './ui-chunk.js';

/** Executions of a chat that a message may name. Older answers cannot be continued. */
const MAX_CONTINUED = 20;

/** Names a chat: its saved workflow, with or without a version or an alias, and the id that the client has given it. */
export interface ChatRef {
  readonly projectId: string;
  /** `name`, `name@3` or `name@production`. */
  readonly workflowRef: string;
  readonly chatId: string;
}

/** The request of a client, and where to answer it. */
export interface ChatExchange {
  readonly principal: Principal;
  readonly request: Request;
  readonly response: Response;
}

/** The chats of clients of the AI SDK. Each answer is an execution of the saved workflow. */
@Injectable()
export class AiSdkChats {
  constructor(
    private readonly workflows: SavedWorkflows,
    private readonly threads: ExecutionThreads,
    private readonly starter: StreamStarter,
    private readonly streams: FormattedStreams,
    private readonly formats: FormatReader,
    private readonly executions: ExecutionLookup,
    private readonly control: ExecutionControl,
    private readonly answers: ChatAnswers,
    private readonly delivered: DeliveredAnswers,
  ) {}

  /**
   * Answers the newest message of a chat. A message of the user starts an execution. A message of the assistant continues the
   * execution that wrote it, with the approvals that the client has added.
   * @throws NotFoundError, ValidationFailedError, and what `StreamStarter.open` and `FormattedStreams.open` throw
   */
  async answer(
    ref: ChatRef,
    chat: ChatRequest,
    idempotencyKey: string | undefined,
    exchange: ChatExchange,
  ): Promise<void> {
    if (!ownsProject(exchange.principal, ref.projectId)) throw new NotFoundError('project');
    const { messages } = chat;
    const newest = messages.at(-1)!;
    if (newest.role === 'assistant') return this.continueAnswer(ref, newest, exchange);
    const answered = messages.findLast(({ role }) => role === 'assistant');
    // A person may approve a call and write a message before the approval is sent.
    if (answered && this.answers.waitIds(answered).length > 0) {
      const execution = await this.executionOf(ref, answered);
      if (execution) await this.answers.record(execution.executionId, answered, exchange.principal);
    }
    const { projectId, workflowRef } = ref;
    // Not the request, which would stay in memory as long as the stream.
    const { socket } = exchange.request;
    const input = await this.inputOf(ref, chat);
    await this.starter.open(
      {
        body: { projectId, workflowRef, input, tags: [] },
        idempotencyKey,
        lastEventId: undefined,
        types: undefined,
        format: {
          name: AI_SDK,
          endsWhenIdle: true,
          onComplete: (executionId, sequence) => this.delivered.written(executionId, sequence, socket),
        },
        thread: { ...threadOf(ref), data: {} },
      },
      exchange.principal,
      exchange.request,
      exchange.response,
    );
  }

  /**
   * Sends the newest answer of a chat again, from its beginning, and then what follows.
   * @throws NoContentSignal if there is none, or if the execution has ended and a client has received the answer to its end
   */
  async resume(ref: ChatRef, exchange: ChatExchange): Promise<void> {
    const { principal, response } = exchange;
    if (!ownsProject(principal, ref.projectId)) throw new NotFoundError('project');
    const newest = await this.threads.findNewest(threadOf(ref));
    if (!newest) throw new NoContentSignal();
    const { status, lastSequence } = await this.executions.find(newest.executionId, principal);
    if (isTerminal(status) && (await this.delivered.isDelivered(newest, lastSequence)))
      throw new NoContentSignal();
    // Express answers HEAD with the route of GET. It gets no stream, which would keep its connection open.
    if (exchange.request.method === 'HEAD') {
      response.status(200).type('text/event-stream').end();
      return;
    }
    await this.open(newest.executionId, undefined, exchange);
  }

  /**
   * Cancels the newest answer of a chat.
   * @returns the execution; undefined if it has ended already
   * @throws NotFoundError if the chat has no answer
   */
  async cancel(ref: ChatRef, reason: string | null, principal: Principal): Promise<Execution | undefined> {
    if (!ownsProject(principal, ref.projectId)) throw new NotFoundError('project');
    const newest = await this.threads.findNewest(threadOf(ref));
    if (!newest) throw new NotFoundError('chat');
    try {
      return await this.control.request(newest.executionId, 'cancel', principal, reason);
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'execution_over') return undefined;
      throw error;
    }
  }

  private async continueAnswer(ref: ChatRef, message: UiMessage, exchange: ChatExchange): Promise<void> {
    const execution = await this.executionOf(ref, message);
    if (!execution) throw notContinued('and this chat has no execution that wrote it');
    if (isWhole(message)) throw answerIsOver();
    const waitIds = this.answers.waitIds(message);
    if (waitIds.length === 0)
      throw notContinued('without an answer to an approval. To receive the rest of it, resume the stream');
    const { principal } = exchange;
    const { executionId } = execution;
    await this.answers.record(executionId, message, principal);
    const place = await this.placeOf(executionId, message, waitIds, principal);
    try {
      await this.open(executionId, place, exchange);
    } catch (error) {
      throw error instanceof NoContentSignal ? answerIsOver() : error;
    }
  }

  /** Returns the execution that wrote a message: the one with its id, or else the newest one. */
  private async executionOf(ref: ChatRef, { id }: UiMessage): Promise<ThreadExecution | undefined> {
    const found = await this.threads.list(threadOf(ref), MAX_CONTINUED);
    return found.find(({ executionId }) => executionId === id) ?? found[0];
  }

  /** Returns the place up to which the client has an answer, as its metadata says it, or else the approvals that it was asked for. */
  private async placeOf(
    executionId: string,
    message: UiMessage,
    waitIds: readonly string[],
    principal: Principal,
  ): Promise<FramePlace | undefined> {
    const { sequence, executionId: from } = metadataOf(message);
    const { lastSequence } = await this.executions.find(executionId, principal);
    const isPlace = typeof sequence === 'number' && Number.isInteger(sequence) && sequence > 0;
    if (isPlace && sequence <= lastSequence && from === executionId) return afterEvent(sequence);
    const { frames } = await this.formats.read(executionId, AI_SDK, principal, { frames: true });
    const asked = frames.findLast(({ data }) => {
      const chunk = data as UiChunk;
      return chunk.type === 'tool-approval-request' && waitIds.includes(chunk.approvalId);
    });
    return asked && afterEvent(asked.sequence);
  }

  private async inputOf(ref: ChatRef, chat: ChatRequest): Promise<Json> {
    const { messages } = chat;
    const index = messages.findLastIndex(({ role }) => role === 'user');
    const converted = modelMessages(messages);
    const text = index === -1 ? '' : textOf(messages[index]!.parts, `messages.${index}.parts`);
    const saved = await this.workflows.find(ref.projectId, ref.workflowRef);
    return inputOf(
      { messages: converted as unknown as Json[], text, threadId: chat.id, data: dataOf(chat) },
      saved?.inputSchema,
    );
  }

  private open(executionId: string, place: FramePlace | undefined, exchange: ChatExchange): Promise<void> {
    const { principal, request, response } = exchange;
    const { socket } = request;
    return this.streams.open(
      {
        executionId,
        format: AI_SDK,
        place,
        endsWhenIdle: true,
        onComplete: (sequence) => this.delivered.written(executionId, sequence, socket),
      },
      principal,
      request,
      response,
    );
  }
}

/** Chats of different workflows may have the same id. A name has no slash. */
const threadOf = ({ projectId, workflowRef, chatId }: ChatRef) => ({
  projectId,
  protocol: AI_SDK,
  threadId: `${nameOf(workflowRef)}/${chatId}`,
});

const afterEvent = (sequence: number): FramePlace => ({ sequence: sequence + 1, part: 0 });

const metadataOf = ({ metadata }: UiMessage): Record<string, unknown> =>
  typeof metadata === 'object' && metadata !== null ? (metadata as Record<string, unknown>) : {};

/** Whether the client has an answer to its end. */
const isWhole = (message: UiMessage): boolean =>
  ['completed', 'failed', 'cancelled'].includes(String(metadataOf(message)['status']));

const notContinued = (reason: string): ValidationFailedError =>
  new ValidationFailedError([
    {
      path: 'messages',
      message: `must end with a message of the user: the last one is of the assistant, ${reason}`,
    },
  ]);

const answerIsOver = (): ProblemError =>
  new ProblemError(
    'execution_over',
    'The last message is an answer of the assistant that is complete: send a message of the user.',
  );
