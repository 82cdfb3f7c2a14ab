import { Body, Controller, Delete, Get, Headers, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { StreamStarter } from '../../executions/starts/stream-starter.js';
import { FormatReader } from '../../executions/streams/format-reader.js';
import { FormattedStreams } from '../../executions/streams/formatted-streams.js';
import { visibleProjects } from '../../executions/visible-projects.js';
import { ExecutionDeleter } from '../../journal/execution-deleter.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { checkIdempotencyKey } from '../../problems/idempotency-key.js';
import { requireRead } from './require-read.js';
import { EndedResponses } from './ended-responses.js';
import {
  EXAMPLE_CREATE,
  EXAMPLE_DELETED,
  EXAMPLE_ITEMS,
  EXAMPLE_RESPONSE,
  EXAMPLE_STREAM,
} from './examples.js';
import { CreateResponse, ListInputItems, RetrieveResponse } from './input/requests.js';
import { OPENAI_ERROR } from './openai-error.js';
import { executionIdOf, responseIdOf } from './response-id.js';
import { ResponseCanceller } from './response-canceller.js';
import { inputItems } from './responses/input-items.js';
import { responseOf } from './responses/response-state.js';
import { RESPONSES_FORMAT } from './responses/responses.format.js';
import { DeletedResponse, InputItemList, ResponseId, ResponseObject, StreamText } from './schemas.js';
import { placeAfter } from './sequence-number.js';
import { StartRequests } from './start-request.js';

/** What a response answers with: itself, or the stream of its events. */
const RESPONSE_OR_STREAM = [
  {
    status: 200,
    description: 'The response. With `stream`: its events.',
    content: {
      'application/json': { schema: ResponseObject, examples: { completed: { value: EXAMPLE_RESPONSE } } },
      'text/event-stream': { schema: StreamText, examples: { stream: { value: EXAMPLE_STREAM } } },
    },
  },
];

/** OpenAI's Responses API. A response is an execution of a saved workflow. */
@Controller('v1/responses')
export class ResponsesController {
  constructor(
    private readonly requests: StartRequests,
    private readonly ended: EndedResponses,
    private readonly streams: StreamStarter,
    private readonly formatted: FormattedStreams,
    private readonly reader: FormatReader,
    private readonly canceller: ResponseCanceller,
    private readonly deleter: ExecutionDeleter,
  ) {}

  @Post()
  @RequireScope('executions:write')
  @Documented({
    id: 'createOpenAiResponse',
    tag: 'OpenAI',
    summary: 'Run a saved workflow as a response of OpenAI',
    description:
      'The model is a saved workflow. Without `stream` and `background` the answer waits for the end, at most OPENAI_WAIT_TIMEOUT_MS. ' +
      'With `background` the answer is the response as it is now. With `stream` it is the stream of the response. A client that ' +
      'leaves does not cancel the response. Also requires the scope `executions:read`. Unknown members are accepted.',
    status: 200,
    requestHeaders: ['Idempotency-Key'],
    body: { schema: CreateResponse, required: true, examples: { create: { value: EXAMPLE_CREATE } } },
    response: ResponseObject,
    examples: { completed: { value: EXAMPLE_RESPONSE } },
    alternatives: RESPONSE_OR_STREAM,
    responseHeaders: ['Location', 'Idempotency-Replayed'],
    errors: [
      'not_found',
      'execution_not_ended',
      'idempotency_key_reused',
      'input_invalid',
      'response_not_ended',
      'too_many_streams',
      'no_worker_free',
      'http_version_too_old',
    ],
    errorForm: OPENAI_ERROR,
  })
  async create(
    @Body({ schema: CreateResponse }) body: CreateResponse,
    @Headers('idempotency-key') key: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    requireRead(principal);
    const idempotencyKey = checkIdempotencyKey(key);
    const start = await this.requests.ofResponse(body, principal);
    // The parsed body would stay in memory as long as the response is open.
    request.body = undefined;
    if (body.stream) {
      const streamed = {
        ...start,
        idempotencyKey,
        lastEventId: undefined,
        types: undefined,
        format: { name: RESPONSES_FORMAT, endsWhenIdle: false },
      };
      await this.streams.open(streamed, principal, request, response);
      return;
    }
    const state = body.background
      ? await this.ended.read(await this.ended.start(start, idempotencyKey, principal, response), principal)
      : await this.ended.answer(start, idempotencyKey, principal, request, response);
    if (state) response.json(responseOf(state));
  }

  @Get(':responseId')
  @RequireScope('executions:read')
  @Documented({
    id: 'getOpenAiResponse',
    tag: 'OpenAI',
    summary: 'Get a response, or continue its stream',
    description:
      'With `stream=true` the answer is the stream of the response, from its beginning or after `starting_after`. Every execution ' +
      'that you may read is a response: its id is `resp_` and the id of the execution.',
    status: 200,
    params: { responseId: ResponseId },
    query: RetrieveResponse,
    response: ResponseObject,
    examples: { completed: { value: EXAMPLE_RESPONSE } },
    alternatives: RESPONSE_OR_STREAM,
    errors: ['not_found', 'invalid_last_event_id', 'too_many_streams', 'http_version_too_old'],
    errorForm: OPENAI_ERROR,
  })
  async retrieve(
    @Param('responseId') id: string,
    @Query({ schema: RetrieveResponse }) { stream, starting_after: after }: RetrieveResponse,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const executionId = executionIdOf(id);
    // HEAD is routed here too, and must not open a stream.
    if (stream !== 'true' || request.method === 'HEAD') {
      response.json(responseOf(await this.ended.read(executionId, principal)));
      return;
    }
    const place = after === undefined ? undefined : placeAfter(after);
    await this.formatted.open({ executionId, format: RESPONSES_FORMAT, place }, principal, request, response);
  }

  @Post(':responseId/cancel')
  @RequireScope('executions:control')
  @Documented({
    id: 'cancelOpenAiResponse',
    tag: 'OpenAI',
    summary: 'Cancel a response',
    description:
      'Cancels the execution, whether it was started with `background` or not, and waits up to CANCEL_GRACE_MS for its end. A response ' +
      'that has ended is returned as it is. Also requires the scope `executions:read`.',
    status: 200,
    params: { responseId: ResponseId },
    anyQuery: true,
    response: ResponseObject,
    examples: { response: { value: EXAMPLE_RESPONSE } },
    errors: ['not_found'],
    errorForm: OPENAI_ERROR,
  })
  async cancel(
    @Param('responseId') id: string,
    @CurrentPrincipal() principal: Principal,
    @Res() response: Response,
  ): Promise<void> {
    requireRead(principal);
    const executionId = executionIdOf(id);
    if (!(await this.canceller.cancel(executionId, principal, response))) return;
    response.json(responseOf(await this.ended.read(executionId, principal)));
  }

  @Delete(':responseId')
  @RequireScope('executions:control')
  @Documented({
    id: 'deleteOpenAiResponse',
    tag: 'OpenAI',
    summary: 'Delete a response that has ended, with everything that is stored of its execution',
    description: 'Responses that continue the conversation keep a copy of it.',
    status: 200,
    params: { responseId: ResponseId },
    anyQuery: true,
    response: DeletedResponse,
    examples: { deleted: { value: EXAMPLE_DELETED } },
    errors: ['not_found', 'execution_not_ended', 'execution_has_parent'],
    errorForm: OPENAI_ERROR,
  })
  async delete(
    @Param('responseId') id: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<DeletedResponse> {
    const executionId = executionIdOf(id);
    await this.deleter.delete(executionId, visibleProjects(principal, undefined));
    return { id: responseIdOf(executionId), object: 'response', deleted: true };
  }

  @Get(':responseId/input_items')
  @RequireScope('executions:read')
  @Documented({
    id: 'listOpenAiInputItems',
    tag: 'OpenAI',
    summary: 'List the items that a response was created with',
    description: 'Those of its own request, not those of the conversation before.',
    status: 200,
    params: { responseId: ResponseId },
    query: ListInputItems,
    response: InputItemList,
    examples: { items: { value: EXAMPLE_ITEMS } },
    errors: ['not_found'],
    errorForm: OPENAI_ERROR,
  })
  async inputItems(
    @Param('responseId') id: string,
    @Query({ schema: ListInputItems }) query: ListInputItems,
    @CurrentPrincipal() principal: Principal,
  ): Promise<object> {
    const { execution } = await this.reader.read(executionIdOf(id), RESPONSES_FORMAT, principal);
    return inputItems(execution, query);
  }
}
