import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { BatchResults, StartBatch, StartExecution, ValidatedExecution } from '@cloutagent/contract';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { EXAMPLE, EXAMPLE_OUTLINE, EXAMPLE_QUEUED } from '../examples.js';
import { BatchStarter } from './batch-starter.js';
import { StartValidator } from './start-validator.js';

const EXAMPLE_RESULTS: BatchResults = {
  started: 1,
  failed: 1,
  results: [
    { index: 0, status: 202, execution: EXAMPLE_QUEUED },
    {
      index: 1,
      status: 400,
      problem: {
        type: 'about:blank',
        title: 'Bad Request',
        status: 400,
        detail: 'The request is not valid; `errors` lists every path to correct.',
        code: 'validation_failed',
        errors: [{ path: 'projectId', message: 'is missing' }],
      },
    },
  ],
};

/** Checks starts without starting anything, and starts many executions at once. */
@Controller('api/executions')
export class BulkStartController {
  constructor(
    private readonly validator: StartValidator,
    private readonly batches: BatchStarter,
  ) {}

  @Post('validate')
  @HttpCode(200)
  @RequireScope('executions:write')
  @Documented({
    id: 'validateExecution',
    tag: 'Executions',
    summary: 'Check the body of a start, without starting anything',
    description:
      'Answers 200 with all problems also if the body is not valid: its parts are checked as `POST /api/executions` checks them.',
    status: 200,
    body: { schema: StartExecution, required: true, examples: { compare: { value: EXAMPLE } } },
    response: ValidatedExecution,
    examples: {
      valid: { value: { valid: true, problems: [], warnings: [], graph: EXAMPLE_OUTLINE } },
    },
    errors: ['not_found', 'no_worker_free'],
  })
  validate(@Body() body: unknown, @CurrentPrincipal() principal: Principal): Promise<ValidatedExecution> {
    return this.validator.validate(body, principal);
  }

  @Post('batch')
  @HttpCode(200)
  @RequireScope('executions:write')
  @Documented({
    id: 'startExecutions',
    tag: 'Executions',
    summary: 'Start up to 1,000 executions by one request',
    description:
      'Each item is the body of `POST /api/executions`, with an optional `idempotencyKey`, and is handled as a request of its own. ' +
      'The answer has a result for each item, in their order. An item that is refused does not stop the others. The rate limit ' +
      'counts one request.',
    status: 200,
    body: {
      schema: StartBatch,
      required: true,
      examples: { two: { value: { executions: [{ ...EXAMPLE, idempotencyKey: 'order-1' }, {}] } } },
    },
    response: BatchResults,
    examples: { two: { value: EXAMPLE_RESULTS } },
    errors: ['no_worker_free'],
  })
  batch(
    @Body({ schema: StartBatch }) body: StartBatch,
    @CurrentPrincipal() principal: Principal,
  ): Promise<BatchResults> {
    return this.batches.start(body, principal);
  }
}
