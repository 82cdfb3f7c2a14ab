import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiBody, ApiHeader } from '@nestjs/swagger';
import {
  EventPage,
  Execution,
  ExecutionPage,
  ListExecutions,
  ReadEvents,
  StartExecution,
  WorkflowOutline,
} from '@cloutagent/contract';
import type { Response } from 'express';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { OF_BODIES } from '../openapi/problem-codes.js';
import { ExecutionStarter } from './commands/execution-starter.js';
import { checkIdempotencyKey } from './commands/idempotency-key.js';
import {
  EXAMPLE,
  EXAMPLE_COMPLETED,
  EXAMPLE_EVENTS,
  EXAMPLE_OUTLINE,
  EXAMPLE_PAGE,
  EXAMPLE_QUEUED,
} from './examples.js';
import { EventPages } from './queries/event-pages.js';
import { ExecutionList } from './queries/execution-list.js';
import { ExecutionReader } from './queries/execution-reader.js';

@Controller('api/executions')
export class ExecutionsController {
  constructor(
    private readonly starter: ExecutionStarter,
    private readonly reader: ExecutionReader,
    private readonly executionList: ExecutionList,
    private readonly eventPages: EventPages,
  ) {}

  @Post()
  @HttpCode(202)
  @RequireScope('executions:write')
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'Up to 255 characters. Requests with the same key start one execution. The order of members in the body does not count.',
  })
  @ApiBody({
    required: true,
    examples: { compare: { summary: 'Two agents in parallel and one that joins them', value: EXAMPLE } },
  })
  @Documented({
    summary: 'Start an execution',
    status: 202,
    response: Execution,
    example: EXAMPLE_QUEUED,
    errors: [
      'validation_failed',
      'expression_too_complex',
      ...OF_BODIES,
      'not_found',
      'idempotency_key_reused',
      'no_worker_free',
    ],
  })
  async start(
    @Body({ schema: StartExecution }) body: StartExecution,
    @CurrentPrincipal() principal: Principal,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Execution> {
    const { execution, replayed } = await this.starter.start(body, principal, checkIdempotencyKey(key));
    response.location(`${response.req.baseUrl}/api/executions/${execution.id}`);
    if (replayed) response.setHeader('Idempotency-Replayed', 'true');
    return execution;
  }

  @Get()
  @RequireScope('executions:read')
  @Documented({
    summary: 'List executions, newest first, as summaries without inputs, steps and outputs',
    status: 200,
    query: ListExecutions,
    response: ExecutionPage,
    example: EXAMPLE_PAGE,
    errors: ['validation_failed', 'not_found'],
  })
  list(
    @Query({ schema: ListExecutions }) query: ListExecutions,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ExecutionPage> {
    return this.executionList.list(query, principal);
  }

  @Get(':executionId')
  @RequireScope('executions:read')
  @Documented({
    summary: 'Get an execution with its steps, usage and cost',
    status: 200,
    response: Execution,
    example: EXAMPLE_COMPLETED,
    errors: ['not_found'],
  })
  get(@Param('executionId') id: string, @CurrentPrincipal() principal: Principal): Promise<Execution> {
    return this.reader.get(id, principal);
  }

  @Get(':executionId/workflow')
  @RequireScope('executions:read')
  @Documented({
    summary: 'Get the graph that an execution runs: nodes and edges without their configs',
    status: 200,
    response: WorkflowOutline,
    example: EXAMPLE_OUTLINE,
    errors: ['not_found'],
  })
  workflow(
    @Param('executionId') id: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WorkflowOutline> {
    return this.reader.outline(id, principal);
  }

  @Get(':executionId/events')
  @RequireScope('executions:read')
  @Documented({
    summary: 'Read recorded events by page',
    status: 200,
    query: ReadEvents,
    response: EventPage,
    example: EXAMPLE_EVENTS,
    errors: ['validation_failed', 'not_found'],
  })
  events(
    @Param('executionId') id: string,
    @Query({ schema: ReadEvents }) query: ReadEvents,
    @CurrentPrincipal() principal: Principal,
  ): Promise<EventPage> {
    return this.eventPages.read(id, query, principal);
  }
}
