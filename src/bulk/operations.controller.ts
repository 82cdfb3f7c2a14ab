import { Body, Controller, Get, Headers, Param, Post, Query, Res } from '@nestjs/common';
import { ListOperations, Operation, OperationPage, StartOperation } from '@cloutagent/contract';
import type { Response } from 'express';
import { z } from 'zod';
import { AllowAnyScope, CurrentPrincipal } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { checkIdempotencyKey } from '../problems/idempotency-key.js';
import { OperationList, toOperation } from './operation-list.js';
import { OperationStarter } from './operation-starter.js';

const EXAMPLE_OPERATION: Operation = {
  id: '0199c0de-0000-7000-8000-000000000004',
  action: 'rerun',
  filter: { projectId: 'demo', status: ['failed'], createdAfter: '2026-11-23T18:00:00.000Z' },
  status: 'running',
  total: 120,
  succeeded: 40,
  failed: 0,
  failures: [],
  createdAt: '2026-11-23T19:00:00.000Z',
  createdBy: 'key:0199c0de-0000-7000-8000-000000000002',
  completedAt: null,
};

/** Actions on many executions. The handlers check scopes, because the scope depends on the action. */
@Controller('api/operations')
@AllowAnyScope(true)
export class OperationsController {
  constructor(
    private readonly starter: OperationStarter,
    private readonly operations: OperationList,
  ) {}

  @Post()
  @Documented({
    id: 'startOperation',
    tag: 'Bulk operations',
    summary: 'Cancel many executions, or run many again',
    description:
      'Acts on the root executions that the filter selects now; those that are created later do not belong to it. The server ' +
      'works in the background, also after a restart, and acts on each execution once: read the operation to watch it. ' +
      'The action cancel needs the scope executions:control, and rerun needs executions:write. A re-run begins at the nodes that ' +
      'failed or were cut off.',
    status: 202,
    requestHeaders: ['Idempotency-Key'],
    body: {
      schema: StartOperation,
      required: true,
      examples: {
        rerun: {
          summary: 'Run again what has failed since a time',
          value: { action: 'rerun', filter: EXAMPLE_OPERATION.filter },
        },
        cancel: {
          summary: 'Cancel everything with a tag',
          value: { action: 'cancel', filter: { projectId: 'demo', tag: 'nightly' }, reason: 'Wrong input' },
        },
      },
    },
    response: Operation,
    examples: { running: { value: EXAMPLE_OPERATION } },
    responseHeaders: ['Location', 'Idempotency-Replayed'],
    errors: ['not_found', 'insufficient_scope', 'idempotency_key_reused'],
  })
  async start(
    @Body({ schema: StartOperation }) body: StartOperation,
    @CurrentPrincipal() principal: Principal,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Operation> {
    const { operation, replayed } = await this.starter.start(body, principal, checkIdempotencyKey(key));
    response.location(`${response.req.baseUrl}/api/operations/${operation.id}`);
    if (replayed) response.setHeader('Idempotency-Replayed', 'true');
    return toOperation(operation);
  }

  @Get()
  @Documented({
    id: 'listOperations',
    tag: 'Bulk operations',
    summary: 'List operations, newest first',
    description:
      'Needs the scope executions:read, or the scope of an action. Operations are kept for RETENTION_DAYS after their end.',
    status: 200,
    query: ListOperations,
    response: OperationPage,
    examples: { one: { value: { operations: [EXAMPLE_OPERATION], nextCursor: null } } },
    errors: ['not_found', 'insufficient_scope'],
  })
  list(
    @Query({ schema: ListOperations }) query: ListOperations,
    @CurrentPrincipal() principal: Principal,
  ): Promise<OperationPage> {
    return this.operations.list(query, principal);
  }

  @Get(':operationId')
  @Documented({
    id: 'getOperation',
    tag: 'Bulk operations',
    summary: 'Show an operation and its progress',
    description: 'Needs the scope executions:read, or the scope of its action.',
    status: 200,
    params: { operationId: z.uuid() },
    response: Operation,
    examples: { running: { value: EXAMPLE_OPERATION } },
    errors: ['not_found', 'insufficient_scope'],
  })
  get(@Param('operationId') id: string, @CurrentPrincipal() principal: Principal): Promise<Operation> {
    return this.operations.get(id, principal);
  }
}
