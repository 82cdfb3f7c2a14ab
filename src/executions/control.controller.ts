import { applyDecorators, Body, Controller, Param, Post } from '@nestjs/common';
import {
  ApproveExecution,
  ControlExecution,
  Execution,
  ExecutionId,
  type ProblemCode,
} from '@cloutagent/contract';
import type { z } from 'zod';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { ApprovalRecorder } from './commands/approval-recorder.js';
import { ExecutionControl } from './commands/execution-control.js';
import { EXAMPLE_COMPLETED, EXAMPLE_PAUSED } from './examples.js';
import { withoutContent } from './shown-execution.js';

/** Without a body the answer is yes. */
const ApproveBody = ApproveExecution.default({ approved: true });

interface ControlRoute {
  action: 'pause' | 'resume' | 'cancel' | 'approve';
  summary: string;
  description: string;
  body: z.ZodType;
  /** Example of a body. */
  request: object;
  /** Example of an answer. */
  example: Execution;
  conflicts: readonly ProblemCode[];
}

/** Routes a request that controls an execution. It is answered with 202 and the execution as it is now. */
const Control = ({
  action,
  summary,
  description,
  body,
  request,
  example,
  conflicts,
}: ControlRoute): MethodDecorator =>
  applyDecorators(
    Post(`:executionId/${action}`),
    RequireScope('executions:control'),
    Documented({
      id: `${action}Execution`,
      tag: 'Control',
      summary,
      description,
      status: 202,
      params: { executionId: ExecutionId },
      body: { schema: body, required: false, examples: { [action]: { value: request } } },
      response: Execution,
      examples: { execution: { value: example } },
      errors: ['not_found', ...conflicts],
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
    description:
      'The process that runs the execution applies the request, so the answer may still show the status before it. ' +
      'Time limits do not run during a pause. The executions below it are paused too.',
    body: ControlExecution,
    request: { reason: 'Waiting for the data' },
    example: EXAMPLE_PAUSED,
    conflicts: ['execution_over', 'execution_cancelling'],
  })
  async pause(
    @Param('executionId') id: string,
    @Body({ schema: ControlExecution }) { reason }: ControlExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return withoutContent(principal, await this.control.request(id, 'pause', principal, reason));
  }

  @Control({
    action: 'resume',
    summary: 'Resume a paused execution',
    description:
      'The process that runs the execution applies the request, so the answer may still show the status before it. ' +
      'The executions below it are resumed too.',
    body: ControlExecution,
    request: { reason: 'The data is here' },
    example: EXAMPLE_PAUSED,
    conflicts: ['execution_over', 'execution_cancelling', 'parent_paused'],
  })
  async resume(
    @Param('executionId') id: string,
    @Body({ schema: ControlExecution }) { reason }: ControlExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return withoutContent(principal, await this.control.request(id, 'run', principal, reason));
  }

  @Control({
    action: 'cancel',
    summary: 'Cancel: running nodes are aborted and the execution ends',
    description:
      'The process that runs the execution applies the request, so the answer may still show the status before it. ' +
      'The execution ends with `execution:cancelled`, after the executions below it.',
    body: ControlExecution,
    request: { reason: 'No longer needed' },
    example: EXAMPLE_PAUSED,
    conflicts: ['execution_over'],
  })
  async cancel(
    @Param('executionId') id: string,
    @Body({ schema: ControlExecution }) { reason }: ControlExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return withoutContent(principal, await this.control.request(id, 'cancel', principal, reason));
  }

  @Control({
    action: 'approve',
    summary: 'Answer a waiting approval node',
    description:
      '`nodeId` is optional if exactly one node is waiting. `approved: false` fails the node with `approval_rejected`. ' +
      'Without a body the answer is yes.',
    body: ApproveBody,
    request: { nodeId: 'sign-off', approved: true, comment: 'Looks right' },
    example: EXAMPLE_COMPLETED,
    conflicts: ['execution_over', 'no_approval_waiting', 'already_decided'],
  })
  async approve(
    @Param('executionId') id: string,
    @Body({ schema: ApproveBody }) body: ApproveExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return withoutContent(principal, await this.approvals.record(id, body, principal));
  }
}
