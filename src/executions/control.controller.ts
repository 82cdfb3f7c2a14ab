import { applyDecorators, Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody } from '@nestjs/swagger';
import { ApproveExecution, ControlExecution, Execution, type ProblemCode } from '@cloutagent/contract';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { OF_BODIES } from '../openapi/problem-codes.js';
import { EXAMPLE_COMPLETED, EXAMPLE_PAUSED } from './examples.js';
import { checkId } from './execution-id.js';
import { ExecutionsService } from './executions.service.js';

/** A request that steers an execution: answered 202 with the Execution as it is now. */
const Control = (
  action: string,
  summary: string,
  request: object,
  example: Execution,
  conflicts: readonly ProblemCode[],
): MethodDecorator =>
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

const OVER = ['execution_over', 'execution_cancelling'] as const;

/** Steers executions; what is asked for is carried out by the process that owns the execution. */
@Controller('api/executions')
export class ControlController {
  constructor(private readonly executions: ExecutionsService) {}

  @Control(
    'pause',
    'Pause: nothing further is emitted or started',
    { reason: 'Waiting for the data' },
    EXAMPLE_PAUSED,
    OVER,
  )
  async pause(
    @Param('executionId') id: string,
    @Body({ schema: ControlExecution }) { reason }: ControlExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return this.executions.control(await this.find(id, principal), 'pause', principal, reason);
  }

  @Control('resume', 'Go on after a pause', { reason: 'The data is here' }, EXAMPLE_PAUSED, OVER)
  async resume(
    @Param('executionId') id: string,
    @Body({ schema: ControlExecution }) { reason }: ControlExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return this.executions.control(await this.find(id, principal), 'run', principal, reason);
  }

  @Control('cancel', 'Cancel: what runs is aborted', { reason: 'No longer needed' }, EXAMPLE_PAUSED, [
    'execution_over',
  ])
  async cancel(
    @Param('executionId') id: string,
    @Body({ schema: ControlExecution }) { reason }: ControlExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return this.executions.control(await this.find(id, principal), 'cancel', principal, reason);
  }

  @Control(
    'approve',
    'Answer a waiting approval node',
    { nodeId: 'sign-off', approved: true, comment: 'Looks right' },
    EXAMPLE_COMPLETED,
    ['execution_over', 'no_approval_waiting', 'already_decided'],
  )
  async approve(
    @Param('executionId') id: string,
    @Body({ schema: ApproveExecution.default({ approved: true }) }) body: ApproveExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return this.executions.approve(await this.find(id, principal), body, principal);
  }

  private find(id: string, principal: Principal): ReturnType<ExecutionsService['find']> {
    return this.executions.find(checkId(id), principal);
  }
}
