import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiBody, ApiHeader } from '@nestjs/swagger';
import {
  EventPage,
  Execution,
  ExecutionPage,
  ListExecutions,
  outlineOf,
  ReadEvents,
  StartExecution,
  WorkflowOutline,
} from '@cloutagent/contract';
import type { Response } from 'express';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { parseEvent } from '../events/event-bus.js';
import { JournalReader } from '../journal/journal-reader.js';
import { Documented } from '../openapi/documented.decorator.js';
import { OF_BODIES } from '../openapi/problem-codes.js';
import { ValidationFailedError } from '../problems/problem.error.js';
import {
  EXAMPLE,
  EXAMPLE_COMPLETED,
  EXAMPLE_EVENTS,
  EXAMPLE_OUTLINE,
  EXAMPLE_PAGE,
  EXAMPLE_QUEUED,
} from './examples.js';
import { checkId } from './execution-id.js';
import { ExecutionList } from './queries/execution-list.js';
import { ExecutionsService } from './executions.service.js';

const PAGE_BYTES = 4_194_304;

@Controller('api/executions')
export class ExecutionsController {
  constructor(
    private readonly executions: ExecutionsService,
    private readonly executionList: ExecutionList,
    private readonly journal: JournalReader,
  ) {}

  @Post()
  @HttpCode(202)
  @RequireScope('executions:write')
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'Up to 255 characters; the same key starts the same execution once. The order of members in the body does not count.',
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
    if (key !== undefined && !/^[\x21-\x7e]{1,255}$/.test(key)) {
      throw new ValidationFailedError([
        { path: 'Idempotency-Key', message: 'takes 1 to 255 printable ASCII characters without spaces' },
      ]);
    }
    const { execution, replayed } = await this.executions.start(body, principal, key);
    response.location(`/api/executions/${execution.id}`);
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
    summary: 'An execution with its steps, usage and cost',
    status: 200,
    response: Execution,
    example: EXAMPLE_COMPLETED,
    errors: ['not_found'],
  })
  async get(@Param('executionId') id: string, @CurrentPrincipal() principal: Principal): Promise<Execution> {
    return this.executions.show(await this.executions.find(checkId(id), principal));
  }

  @Get(':executionId/workflow')
  @RequireScope('executions:read')
  @Documented({
    summary: 'The graph that an execution runs: nodes and edges without their configs',
    status: 200,
    response: WorkflowOutline,
    example: EXAMPLE_OUTLINE,
    errors: ['not_found'],
  })
  async workflow(
    @Param('executionId') id: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WorkflowOutline> {
    return outlineOf((await this.executions.find(checkId(id), principal)).workflow);
  }

  @Get(':executionId/events')
  @RequireScope('executions:read')
  @Documented({
    summary: 'Recorded events, by page',
    status: 200,
    query: ReadEvents,
    response: EventPage,
    example: EXAMPLE_EVENTS,
    errors: ['validation_failed', 'not_found'],
  })
  async events(
    @Param('executionId') id: string,
    @Query({ schema: ReadEvents }) query: ReadEvents,
    @CurrentPrincipal() principal: Principal,
  ): Promise<EventPage> {
    const row = await this.executions.find(checkId(id), principal);
    const lastSequence = (await this.journal.lastSequences([row.id])).get(row.id) ?? 0;
    const events = await this.journal.read(row.id, query.after, {
      types: query.types,
      limit: query.limit,
      bytes: PAGE_BYTES,
    });
    const [more] =
      events.length === 0
        ? []
        : await this.journal.read(row.id, events.at(-1)!.sequence, {
            types: query.types,
            limit: 1,
            bytes: 1,
          });
    return { events: events.map(parseEvent), nextAfter: more ? events.at(-1)!.sequence : null, lastSequence };
  }
}
