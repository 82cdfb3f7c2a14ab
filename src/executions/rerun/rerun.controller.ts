import { Body, Controller, Headers, Param, Post, Res } from '@nestjs/common';
import { Execution, ExecutionId, RerunExecution } from '@cloutagent/contract';
import type { Response } from 'express';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { checkIdempotencyKey } from '../../problems/idempotency-key.js';
import { EXAMPLE_COMPLETED, EXAMPLE_QUEUED } from '../examples.js';
import { ExecutionRerunner } from './execution-rerunner.js';

const EXAMPLE_RERUN: Execution = {
  ...EXAMPLE_QUEUED,
  id: '0199c0de-0000-7000-8000-000000000002',
  rerunOf: EXAMPLE_COMPLETED.id,
};

@Controller('api/executions')
export class RerunController {
  constructor(private readonly rerunner: ExecutionRerunner) {}

  @Post(':executionId/rerun')
  @RequireScope('executions:write')
  @Documented({
    id: 'rerunExecution',
    tag: 'Executions',
    summary: 'Run an execution that has ended again, without the work that is done',
    description:
      'Makes a new execution. Completed nodes are kept with their outputs and cost nothing, unless they are in `from`, come after a node ' +
      'that runs again, or are another node in the new workflow: another type, config or incoming edge. ' +
      'By default the nodes run that failed or were cut off, and all that they lead to. ' +
      'Answers of people are kept only if input and workflow are the same.',
    status: 202,
    params: { executionId: ExecutionId },
    requestHeaders: ['Idempotency-Key'],
    body: {
      schema: RerunExecution,
      required: false,
      examples: {
        failed: { summary: 'From the nodes that failed', value: {} },
        named: {
          summary: 'From a node, with another input',
          value: { from: ['verdict'], input: 'WebSocket' },
        },
      },
    },
    response: Execution,
    examples: { queued: { value: EXAMPLE_RERUN } },
    responseHeaders: ['Location', 'Idempotency-Replayed'],
    errors: [
      'expression_too_complex',
      'not_available',
      'price_unknown',
      'input_invalid',
      'workflow_not_allowed',
      'secret_unknown',
      'secret_not_allowed',
      'not_found',
      'execution_not_ended',
      'execution_deleted',
      'idempotency_key_reused',
      'no_worker_free',
    ],
  })
  async rerun(
    @Param('executionId') id: string,
    @Body({ schema: RerunExecution }) body: RerunExecution,
    @CurrentPrincipal() principal: Principal,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Execution> {
    const { execution, replayed } = await this.rerunner.rerun(id, body, principal, checkIdempotencyKey(key));
    response.location(`${response.req.baseUrl}/api/executions/${execution.id}`);
    if (replayed) response.setHeader('Idempotency-Replayed', 'true');
    return execution;
  }
}
