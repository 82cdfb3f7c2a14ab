import { applyDecorators, Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody } from '@nestjs/swagger';
import { ApproveExecution, ControlExecution, Execution, type ProblemCode } from '@cloutagent/contract';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { OF_BODIES } from '../openapi/problem-codes.js';
import { ApprovalRecorder } from './commands/approval-recorder.js';
import { ExecutionControl } from './commands/execution-control.js';
import { EXAMPLE_COMPLETED, EXAMPLE_PAUSED } from './examples.js';

interface ControlRoute {
  action: string;
  summary: string;
  /** Example of a body. */
  request: object;
  /** Example of an answer. */
  example: Execution;
  conflicts: readonly ProblemCode[];
}

/** Routes a request that controls an execution. It is answered with 202 and the execution as it is now. */
const Control = ({ action, summary, request, example, conflicts }: ControlRoute): MethodDecorator =>
  applyDecorators(
    Post(`:executionId/${action}`),
    HttpCode(202),
    RequireScope('executions:control'),
    ApiBody({ required: false, examples: { [action]: { value: request } } }),
    Documented({
      summary,
      status: 202,
      response: Execution,
      example,
      errors: ['validation_failed', ...OF_BODIES, 'not_found', ...conflicts],
    }),
  );

/** Takes requests that control executions. The process that owns the execution applies them. */
@Controller('api/executions')
export class ControlController {
  constructor(
    private readonly control: ExecutionControl,
    private readonly approvals: ApprovalRecorder,
  ) {}

  @Control({
    action: 'pause',
    summary: 'Pause: the execution starts no further node and emits nothing until it is resumed',
    request: { reason: 'Waiting for the data' },
    example: EXAMPLE_PAUSED,
    conflicts: ['execution_over', 'execution_cancelling'],
  })
  pause(
    @Param('executionId') id: string,
    @Body({ schema: ControlExecution }) { reason }: ControlExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return this.control.request(id, 'pause', principal, reason);
  }

  @Control({
    action: 'resume',
    summary: 'Resume a paused execution',
    request: { reason: 'The data is here' },
    example: EXAMPLE_PAUSED,
    conflicts: ['execution_over', 'execution_cancelling'],
  })
  resume(
    @Param('executionId') id: string,
    @Body({ schema: ControlExecution }) { reason }: ControlExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return this.control.request(id, 'run', principal, reason);
  }

  @Control({
    action: 'cancel',
    summary: 'Cancel: running nodes are aborted and the execution ends',
    request: { reason: 'No longer needed' },
    example: EXAMPLE_PAUSED,
    conflicts: ['execution_over'],
  })
  cancel(
    @Param('executionId') id: string,
    @Body({ schema: ControlExecution }) { reason }: ControlExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return this.control.request(id, 'cancel', principal, reason);
  }

  @Control({
    action: 'approve',
    summary: 'Answer a waiting approval node',
    request: { nodeId: 'sign-off', approved: true, comment: 'Looks right' },
    example: EXAMPLE_COMPLETED,
    conflicts: ['execution_over', 'no_approval_waiting', 'already_decided'],
  })
  approve(
    @Param('executionId') id: string,
    @Body({ schema: ApproveExecution.default({ approved: true }) }) body: ApproveExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return this.approvals.record(id, body, principal);
  }
}
