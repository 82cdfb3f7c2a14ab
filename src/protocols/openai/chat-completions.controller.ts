import { Body, Controller, Headers, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { StreamStarter } from '../../executions/starts/stream-starter.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { checkIdempotencyKey } from '../../problems/idempotency-key.js';
import { chatCompletion } from './chat/chat-completion.js';
import { CHAT_FORMAT } from './chat/chat.format.js';
import { EndedResponses } from './ended-responses.js';
import { EXAMPLE_CHAT, EXAMPLE_CHAT_STREAM, EXAMPLE_COMPLETION } from './examples.js';
import { CreateChatCompletion } from './input/requests.js';
import { OPENAI_ERROR } from './openai-error.js';
import { requireRead } from './require-read.js';
import { ChatCompletion, StreamText } from './schemas.js';
import { StartRequests } from './start-request.js';

/** OpenAI's chat completions, for clients that know nothing else. */
@Controller('v1/chat/completions')
export class ChatCompletionsController {
  constructor(
    private readonly requests: StartRequests,
    private readonly ended: EndedResponses,
    private readonly streams: StreamStarter,
  ) {}

  @Post()
  @RequireScope('executions:write')
  @Documented({
    id: 'createOpenAiChatCompletion',
    tag: 'OpenAI',
    summary: 'Run a saved workflow as a chat completion of OpenAI',
    description:
      'The model is a saved workflow. Without `stream` the answer waits for the end, at most OPENAI_WAIT_TIMEOUT_MS; a workflow that fails ' +
      'is answered with 422 `execution_not_completed`. With `stream`, an answer that is not whole ends with an error. A client that leaves ' +
      'does not cancel the execution. Also requires the scope `executions:read`. Unknown members are accepted.',
    status: 200,
    requestHeaders: ['Idempotency-Key'],
    body: { schema: CreateChatCompletion, required: true, examples: { create: { value: EXAMPLE_CHAT } } },
    response: ChatCompletion,
    examples: { completed: { value: EXAMPLE_COMPLETION } },
    alternatives: [
      {
        status: 200,
        description: 'The completion. With `stream`: its chunks.',
        content: {
          'application/json': {
            schema: ChatCompletion,
            examples: { completed: { value: EXAMPLE_COMPLETION } },
          },
          'text/event-stream': {
            schema: StreamText,
            examples: { stream: { value: EXAMPLE_CHAT_STREAM } },
          },
        },
      },
    ],
    responseHeaders: ['Location', 'Idempotency-Replayed'],
    errors: [
      'not_found',
      'idempotency_key_reused',
      'input_invalid',
      'response_not_ended',
      'execution_not_completed',
      'too_many_streams',
      'no_worker_free',
      'http_version_too_old',
    ],
    errorForm: OPENAI_ERROR,
  })
  async create(
    @Body({ schema: CreateChatCompletion }) body: CreateChatCompletion,
    @Headers('idempotency-key') key: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    requireRead(principal);
    const idempotencyKey = checkIdempotencyKey(key);
    const start = await this.requests.ofChat(body, principal);
    // The parsed body would stay in memory as long as the response is open.
    request.body = undefined;
    if (body.stream) {
      const streamed = {
        ...start,
        idempotencyKey,
        lastEventId: undefined,
        types: undefined,
        format: { name: CHAT_FORMAT, endsWhenIdle: true },
      };
      await this.streams.open(streamed, principal, request, response);
      return;
    }
    const state = await this.ended.answer(start, idempotencyKey, principal, request, response);
    if (state) response.json(chatCompletion(state));
  }
}
