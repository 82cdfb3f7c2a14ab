import { Body, Controller, Headers, Post, Query, Req, Res } from '@nestjs/common';
import {
  BatchResults,
  Execution,
  MAX_BATCH,
  StartBatch,
  StartExecution,
  StartQuery,
  ValidatedExecution,
} from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { checkIdempotencyKey } from '../../problems/idempotency-key.js';
import { ValidationFailedError } from '../../problems/problem.error.js';
import { RequestWeight } from '../../throttling/request-weight.decorator.js';
import { ExecutionStarter } from '../commands/execution-starter.js';
import { EXAMPLE, EXAMPLE_COMPLETED, EXAMPLE_QUEUED } from '../examples.js';
import { prefersStream } from './accepts-stream.js';
import { BatchStarter } from './batch-starter.js';
import { EXAMPLE_BATCH, EXAMPLE_BATCH_RESULTS, EXAMPLE_STREAM_TEXT, EXAMPLE_VALIDATED } from './examples.js';
import { showStarted } from './show-started.js';
import { StartValidator } from './start-validator.js';
import { StreamStarter } from './stream-starter.js';
import { WaitingStarter } from './waiting-starter.js';

const BODY = {
  schema: StartExecution,
  required: true,
  examples: { compare: { summary: 'Two agents in parallel and one that joins them', value: EXAMPLE } },
};

/** A text, so that generated clients keep the execution and the stream apart. */
const STREAM_TEXT = z.string().meta({ description: 'Frames. The data of each is a StreamData.' });

/** Returns how many executions a batch has. A body that the schema refuses counts as one request. */
function executionsOf(request: Request): number {
  const executions = (request.body as { executions?: unknown } | null | undefined)?.executions;
  return Array.isArray(executions) ? Math.min(executions.length, MAX_BATCH) : 1;
}

@Controller('api/executions')
export class StartsController {
  constructor(
    private readonly starter: ExecutionStarter,
    private readonly waiting: WaitingStarter,
    private readonly streaming: StreamStarter,
    private readonly validator: StartValidator,
    private readonly batches: BatchStarter,
  ) {}

  @Post()
  @RequireScope('executions:write')
  @Documented({
    id: 'startExecution',
    tag: 'Executions',
    summary: 'Start an execution',
    description:
      'Checks the workflow, stores the execution and queues it. By default the answer does not wait for it to run: watch its stream, or ' +
      'get it again.\n\nWith `Prefer: wait=30` the answer waits for the end, at most as long as the client wants and the server allows ' +
      '(`MAX_PREFER_WAIT_MS`). With `Accept: text/event-stream` the answer is the stream of the execution, as that of ' +
      '`GET /api/executions/{executionId}/stream`. Both need the scope `executions:read` too, and count as an open stream. A client ' +
      'that leaves does not cancel the execution.',
    status: 202,
    alternatives: [
      {
        status: 200,
        description:
          'With `Prefer: wait`: the execution has ended. With `Accept: text/event-stream`: the stream.',
        content: {
          'application/json': {
            schema: Execution,
            examples: { completed: { value: EXAMPLE_COMPLETED } },
          },
          'text/event-stream': { schema: STREAM_TEXT, examples: EXAMPLE_STREAM_TEXT },
        },
      },
    ],
    noContent:
      'With `Accept: text/event-stream`: the execution with the same Idempotency-Key has ended and has no further events.',
    query: StartQuery,
    requestHeaders: ['Idempotency-Key', 'Prefer', 'Last-Event-ID'],
    body: BODY,
    response: Execution,
    examples: { queued: { value: EXAMPLE_QUEUED } },
    responseHeaders: ['Location', 'Idempotency-Replayed', 'Preference-Applied'],
    errors: [
      'expression_too_complex',
      'not_available',
      'price_unknown',
      'not_found',
      'idempotency_key_reused',
      'invalid_last_event_id',
      'too_many_streams',
      'no_worker_free',
    ],
  })
  async start(
    @Body({ schema: StartExecution }) body: StartExecution,
    @Query({ schema: StartQuery }) query: StartQuery,
    @CurrentPrincipal() principal: Principal,
    @Headers() headers: Record<string, string | undefined>,
    @Req() request: Request,
    // Without `passthrough`: a stream and a client that has left are not answered by Nest.
    @Res() response: Response,
  ): Promise<void> {
    const idempotencyKey = checkIdempotencyKey(headers['idempotency-key']);
    // The parsed body is another object. This one would stay in memory as long as the response is open.
    request.body = undefined;
    if (prefersStream(request)) {
      const lastEventId = headers['last-event-id'] || query.lastEventId;
      const start = { body, idempotencyKey, lastEventId, types: query.types };
      await this.streaming.open(start, principal, request, response);
      return;
    }
    refuseStreamQuery(query);
    const waitMs = this.waiting.waitOf(headers['prefer'], principal);
    if (waitMs !== undefined) {
      await this.waiting.answer(waitMs, { body, idempotencyKey }, principal, request, response);
      return;
    }
    const started = await this.starter.start(body, principal, idempotencyKey);
    showStarted(started, response);
    response.status(202).json(started.execution);
  }

  @Post('validate')
  @RequireScope('executions:write')
  @Documented({
    id: 'validateExecution',
    tag: 'Executions',
    summary: 'Check the body of a start without starting anything',
    description:
      'Answers 200 for every JSON body: `problems` has all that the start would be refused for, with paths and codes, also what the ' +
      'schema refuses. What depends on the moment, such as rate limits, is not checked.',
    status: 200,
    body: BODY,
    response: ValidatedExecution,
    examples: { invalid: { value: EXAMPLE_VALIDATED } },
    errors: ['not_found', 'no_worker_free'],
  })
  validate(@Body() body: unknown, @CurrentPrincipal() principal: Principal): Promise<ValidatedExecution> {
    return this.validator.validate(body, principal);
  }

  @Post('batch')
  @RequireScope('executions:write')
  @RequestWeight(executionsOf)
  @Documented({
    id: 'startExecutions',
    tag: 'Executions',
    summary: `Start up to ${MAX_BATCH} executions`,
    description:
      'Checks each execution alone, so that a wrong one does not stop the others. The answer has a result for each, in the same order: ' +
      'the execution, or the problem that a request of its own would have been answered with. `idempotencyKey` of an item does what ' +
      'the header does for a request of its own. Each execution counts as one request towards the rate limit. The limits of a ' +
      'request hold for each item; the whole body may have BATCH_MAX_BYTES.',
    status: 200,
    body: { schema: StartBatch, required: true, examples: { two: { value: EXAMPLE_BATCH } } },
    response: BatchResults,
    examples: { results: { value: EXAMPLE_BATCH_RESULTS } },
  })
  batch(
    @Body({ schema: StartBatch }) body: StartBatch,
    @CurrentPrincipal() principal: Principal,
  ): Promise<BatchResults> {
    return this.batches.start(body, principal);
  }
}

/** Refuses parameters that only a stream has. Ignoring them would hide that the client has not asked for a stream. */
function refuseStreamQuery(query: StartQuery): void {
  const errors = Object.keys(query)
    .filter((path) => query[path as keyof StartQuery] !== undefined)
    .map((path) => ({ path, message: 'is only for a stream: send Accept: text/event-stream' }));
  if (errors.length > 0) throw new ValidationFailedError(errors);
}
