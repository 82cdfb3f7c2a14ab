import { Body, Controller, Headers, HttpCode, Post, Req, Res } from '@nestjs/common';
import { Execution, StartExecution, StreamData } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { checkIdempotencyKey } from '../../problems/idempotency-key.js';
import { EXAMPLE, EXAMPLE_COMPLETED, EXAMPLE_QUEUED, EXAMPLE_STREAM } from '../examples.js';
import { StartAnswers } from './start-answers.js';

/** Starts single executions. */
@Controller('api/executions')
export class StartController {
  constructor(private readonly answers: StartAnswers) {}

  @Post()
  @HttpCode(202)
  @RequireScope('executions:write')
  @Documented({
    id: 'startExecution',
    tag: 'Executions',
    summary: 'Start an execution',
    description:
      'Checks the workflow, stores the execution and queues it. The answer does not wait for it to run, unless the request asks for ' +
      'that: with `Prefer: wait=30` it waits up to 30 seconds for the end, and with `Accept: text/event-stream` it is the stream of ' +
      'the execution itself, for which the credential also needs the scope `executions:read`. A client that leaves cancels nothing.',
    status: 202,
    others: {
      200: {
        description: 'The execution has ended within the time of `Prefer: wait`, or its stream.',
        content: {
          'application/json': { schema: Execution, examples: { completed: { value: EXAMPLE_COMPLETED } } },
          'text/event-stream': { schema: StreamData, examples: EXAMPLE_STREAM },
        },
      },
    },
    noContent:
      'A stream was asked for, by a repeated Idempotency-Key and a Last-Event-ID after which there are no further events.',
    requestHeaders: ['Idempotency-Key', 'Prefer', 'Last-Event-ID'],
    body: {
      schema: StartExecution,
      required: true,
      examples: {
        compare: { summary: 'Two agents in parallel and one that joins them', value: EXAMPLE },
        saved: {
          summary: 'A saved workflow',
          value: { projectId: 'demo', workflowRef: 'explain@production', input: { topic: 'SSE' } },
        },
      },
    },
    response: Execution,
    examples: { queued: { value: EXAMPLE_QUEUED } },
    responseHeaders: ['Location', 'Idempotency-Replayed', 'Preference-Applied'],
    errors: [
      'expression_too_complex',
      'not_available',
      'price_unknown',
      'input_invalid',
      'invalid_last_event_id',
      'workflow_not_allowed',
      'not_found',
      'idempotency_key_reused',
      'execution_deleted',
      'too_many_streams',
      'no_worker_free',
    ],
  })
  start(
    @Body({ schema: StartExecution }) body: StartExecution,
    @CurrentPrincipal() principal: Principal,
    @Headers('idempotency-key') key: string | undefined,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const start = { body, principal, idempotencyKey: checkIdempotencyKey(key), request, response };
    // Any type and JSON come first, so that only a client that prefers a stream gets one.
    return request.accepts(['application/json', 'text/event-stream']) === 'text/event-stream'
      ? this.answers.stream(start)
      : this.answers.json(start);
  }
}
