import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Json, StartExecution } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { FormatReader } from '../../executions/streams/format-reader.js';
import { NotFoundError, ProblemError } from '../../problems/problem.error.js';
import type { ExecutionThread, FormattedExecution } from '../../streaming/formats/event-format.js';
import { inputOf } from '../chat-input.js';
import { answerText } from '../answer-nodes.js';
import { chatMessages } from './input/chat-messages.js';
import { canBeAnswered, newestText } from './input/conversation.js';
import { inputError } from './input/input-error.js';
import type { CreateChatCompletion, CreateResponse } from './input/requests.js';
import { itemsOf, messagesOf } from './input/response-input.js';
import { ModelNames } from './model-names.js';
import { OPENAI, recordOf, type RequestRecord } from './request-record.js';
import { executionIdOf } from './response-id.js';
import { answerOf, type ResponseState } from './responses/response-state.js';
import { RESPONSES_FORMAT } from './responses/responses.format.js';

/** What a request starts. */
export interface OpenAiStart {
  readonly body: StartExecution;
  readonly thread: ExecutionThread;
}

/** What a request says, whatever its protocol. */
interface Wanted {
  readonly model: string;
  readonly threadId: string;
  readonly record: Omit<RequestRecord, 'model'>;
  readonly messages: readonly Json[];
  /** The parameter that has the conversation, for errors. */
  readonly path: 'input' | 'messages';
  readonly user: string | null | undefined;
}

/** Makes starts of saved workflows from the requests of this protocol. */
@Injectable()
export class StartRequests {
  constructor(
    private readonly models: ModelNames,
    private readonly reader: FormatReader,
  ) {}

  /**
   * Makes the start of a response.
   * @throws ValidationFailedError for parts of the input that are not supported
   * @throws ProblemError 404 `not_found` for the model or the previous response, 409 `execution_not_ended` for the previous one
   */
  async ofResponse(request: CreateResponse, principal: Principal): Promise<OpenAiStart> {
    const { previous_response_id: previousId, metadata, background } = request;
    const previous = previousId ? await this.readPrevious(previousId, principal) : undefined;
    const items = itemsOf(request.input);
    const messages = messagesOf(items, previous?.messages ?? []);
    return this.start(principal, {
      model: request.model,
      threadId: previous?.threadId ?? randomUUID(),
      record: {
        instructions: request.instructions || null,
        metadata: metadata ?? {},
        background: background ?? false,
        previousResponseId: previousId ?? null,
        items: items as unknown as Json[],
        messages,
        includeUsage: false,
      },
      messages,
      path: 'input',
      user: request.user,
    });
  }

  /**
   * Makes the start of a chat completion.
   * @throws ValidationFailedError for parts of the messages that are not supported
   * @throws ProblemError 404 `not_found` for the model
   */
  async ofChat(request: CreateChatCompletion, principal: Principal): Promise<OpenAiStart> {
    const messages = chatMessages(request.messages);
    return this.start(principal, {
      model: request.model,
      threadId: randomUUID(),
      record: {
        instructions: null,
        metadata: request.metadata ?? {},
        background: false,
        previousResponseId: null,
        items: [],
        messages,
        includeUsage: request.stream_options?.include_usage ?? false,
      },
      messages,
      path: 'messages',
      user: request.user,
    });
  }

  private async start(
    principal: Principal,
    { model, threadId, record, messages, path, user }: Wanted,
  ): Promise<OpenAiStart> {
    if (!canBeAnswered(messages))
      throw inputError(
        path,
        'must end with a message of the user that is not empty, or with the output of a tool',
      );
    const { projectId, ref, saved } = await this.models.find(model, principal);
    const { instructions, metadata } = record;
    const data: Record<string, Json> = {
      ...(instructions !== null && { instructions }),
      ...(Object.keys(metadata).length > 0 && { metadata: { ...metadata } }),
      ...(user && { user }),
    };
    const chat = {
      messages: instructions === null ? messages : [{ role: 'system', content: instructions }, ...messages],
      text: newestText(messages),
      ...(Object.keys(data).length > 0 && { data }),
    };
    const input = inputOf(chat, saved.inputSchema);
    const stored: RequestRecord = { ...record, model, messages: hasMessages(input) ? null : messages };
    return {
      body: { projectId, workflowRef: ref, input, tags: [] },
      thread: { protocol: OPENAI, threadId, data: stored as unknown as Json },
    };
  }

  /** Returns the conversation up to a response, with its answer. */
  private async readPrevious(
    responseId: string,
    principal: Principal,
  ): Promise<{ messages: Json[]; threadId: string | undefined }> {
    const { execution, state, hasEnded } = await this.findPrevious(responseId, principal);
    if (!hasEnded)
      throw new ProblemError(
        'execution_not_ended',
        `The response ${responseId} has not ended. Wait for its end, or cancel it, before you continue the conversation.`,
        { errors: [{ path: 'previous_response_id', message: 'has not ended' }] },
      );
    const answer = answerOf(state);
    return {
      messages: [
        ...conversationOf(execution),
        ...(answer === '' ? [] : [{ role: 'assistant', content: answer }]),
      ],
      threadId: execution.thread?.protocol === OPENAI ? execution.thread.threadId : undefined,
    };
  }

  private async findPrevious(responseId: string, principal: Principal) {
    try {
      return await this.reader.read<ResponseState>(executionIdOf(responseId), RESPONSES_FORMAT, principal);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw new ProblemError('not_found', `There is no response ${responseId}.`, {
        errors: [{ path: 'previous_response_id', message: 'is the id of no response' }],
      });
    }
  }
}

/** Returns the messages that an execution has answered, without instructions. */
function conversationOf(execution: FormattedExecution): readonly Json[] {
  const { input } = execution;
  const record = recordOf(execution);
  if (record?.messages) return record.messages;
  if (record && hasMessages(input)) return input.messages.slice(record.instructions === null ? 0 : 1);
  const text = answerText(input);
  return text === '' ? [] : [{ role: 'user', content: text }];
}

const hasMessages = (input: Json): input is { messages: Json[] } =>
  typeof input === 'object' && input !== null && 'messages' in input && Array.isArray(input['messages']);
