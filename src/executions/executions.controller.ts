import { Controller, Get, Param, Query } from '@nestjs/common';
import {
  EventPage,
  Execution,
  ExecutionId,
  ExecutionPage,
  ListExecutions,
  ReadEvents,
  WorkflowOutline,
} from '@cloutagent/contract';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { EXAMPLE_COMPLETED, EXAMPLE_EVENTS, EXAMPLE_OUTLINE, EXAMPLE_PAGE } from './examples.js';
import { EventPages } from './queries/event-pages.js';
import { ExecutionList } from './queries/execution-list.js';
import { ExecutionReader } from './queries/execution-reader.js';

@Controller('api/executions')
export class ExecutionsController {
  constructor(
    private readonly reader: ExecutionReader,
    private readonly executionList: ExecutionList,
    private readonly eventPages: EventPages,
  ) {}

  @Get()
  @RequireScope('executions:read')
  @Documented({
    id: 'listExecutions',
    tag: 'Executions',
    summary: 'List executions, newest first, as summaries without inputs, steps and outputs',
    description: 'Send `nextCursor` as `cursor` to get the next page. It is null on the last page.',
    status: 200,
    query: ListExecutions,
    response: ExecutionPage,
    examples: { page: { value: EXAMPLE_PAGE } },
    errors: ['not_found', 'list_timeout'],
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
    id: 'getExecution',
    tag: 'Executions',
    summary: 'Get an execution with its steps, usage and cost',
    description: 'The state after the event `lastSequence`.',
    status: 200,
    params: { executionId: ExecutionId },
    response: Execution,
    examples: { completed: { value: EXAMPLE_COMPLETED } },
    errors: ['not_found'],
  })
  get(@Param('executionId') id: string, @CurrentPrincipal() principal: Principal): Promise<Execution> {
    return this.reader.get(id, principal);
  }

  @Get(':executionId/workflow')
  @RequireScope('executions:read')
  @Documented({
    id: 'getExecutionWorkflow',
    tag: 'Executions',
    summary: 'Get the graph that an execution runs: nodes and edges without their configs',
    description: 'Enough to draw the graph. Configs are left out because they may hold secrets.',
    status: 200,
    params: { executionId: ExecutionId },
    response: WorkflowOutline,
    examples: { compare: { value: EXAMPLE_OUTLINE } },
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
    id: 'listExecutionEvents',
    tag: 'Executions',
    summary: 'Read recorded events by page',
    description:
      'The same events as in the stream, in order. Send `nextAfter` as `after` to get the next page.',
    status: 200,
    params: { executionId: ExecutionId },
    query: ReadEvents,
    response: EventPage,
    examples: { page: { value: EXAMPLE_EVENTS } },
    errors: ['not_found'],
  })
  events(
    @Param('executionId') id: string,
    @Query({ schema: ReadEvents }) query: ReadEvents,
    @CurrentPrincipal() principal: Principal,
  ): Promise<EventPage> {
    return this.eventPages.read(id, query, principal);
  }
}
