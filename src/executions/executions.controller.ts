import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiBody, ApiHeader } from '@nestjs/swagger';
import {
  ApproveExecution,
  ControlExecution,
  EventPage,
  Execution,
  ExecutionId,
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
import { NotFoundError, ValidationFailedError } from '../problems/problem.error.js';
import { EXAMPLE } from './example.js';
import { ExecutionsService } from './executions.service.js';

const PAGE_BYTES = 4_194_304;

@Controller('api/executions')
export class ExecutionsController {
  constructor(
    private readonly executions: ExecutionsService,
    private readonly journal: JournalReader,
  ) {}

  @Post()
  @HttpCode(202)
  @RequireScope('executions:write')
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'Up to 255 characters; the same key starts the same execution once.',
  })
  @ApiBody({
    required: true,
    examples: { compare: { summary: 'Two agents in parallel and one that joins them', value: EXAMPLE } },
  })
  @Documented({
    summary: 'Start an execution',
    status: 202,
    response: Execution,
    errors: [400, 401, 403, 404, 413, 415, 422, 429],
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
    summary: 'List executions, newest first',
    status: 200,
    response: ExecutionPage,
    errors: [400, 401, 403, 404, 429],
  })
  list(
    @Query({ schema: ListExecutions }) query: ListExecutions,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ExecutionPage> {
    return this.executions.list(query, principal);
  }

  @Get(':executionId')
  @RequireScope('executions:read')
  @Documented({
    summary: 'An execution with its steps, usage and cost',
    status: 200,
    response: Execution,
    errors: [401, 403, 404, 429],
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
    errors: [401, 403, 404, 429],
  })
  async workflow(
    @Param('executionId') id: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WorkflowOutline> {
    return outlineOf((await this.executions.find(checkId(id), principal)).workflow);
  }

  @Post(':executionId/pause')
  @HttpCode(202)
  @RequireScope('executions:control')
  @Documented({
    summary: 'Pause: nothing further is emitted or started',
    status: 202,
    response: Execution,
    errors: [400, 401, 403, 404, 409, 429],
  })
  async pause(
    @Param('executionId') id: string,
    @Body({ schema: ControlExecution }) body: ControlExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return this.executions.control(
      await this.executions.find(checkId(id), principal),
      'pause',
      principal,
      body.reason,
    );
  }

  @Post(':executionId/resume')
  @HttpCode(202)
  @RequireScope('executions:control')
  @Documented({
    summary: 'Go on after a pause',
    status: 202,
    response: Execution,
    errors: [400, 401, 403, 404, 409, 429],
  })
  async resume(
    @Param('executionId') id: string,
    @Body({ schema: ControlExecution }) body: ControlExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return this.executions.control(
      await this.executions.find(checkId(id), principal),
      'run',
      principal,
      body.reason,
    );
  }

  @Post(':executionId/cancel')
  @HttpCode(202)
  @RequireScope('executions:control')
  @Documented({
    summary: 'Cancel: what runs is aborted',
    status: 202,
    response: Execution,
    errors: [400, 401, 403, 404, 409, 429],
  })
  async cancel(
    @Param('executionId') id: string,
    @Body({ schema: ControlExecution }) body: ControlExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return this.executions.control(
      await this.executions.find(checkId(id), principal),
      'cancel',
      principal,
      body.reason,
    );
  }

  @Post(':executionId/approve')
  @HttpCode(202)
  @RequireScope('executions:control')
  @Documented({
    summary: 'Answer a waiting approval node',
    status: 202,
    response: Execution,
    errors: [400, 401, 403, 404, 409, 429],
  })
  async approve(
    @Param('executionId') id: string,
    @Body({ schema: ApproveExecution.default({ approved: true }) }) body: ApproveExecution,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Execution> {
    return this.executions.approve(await this.executions.find(checkId(id), principal), body, principal);
  }

  @Get(':executionId/events')
  @RequireScope('executions:read')
  @Documented({
    summary: 'Recorded events, by page',
    status: 200,
    response: EventPage,
    errors: [400, 401, 403, 404, 429],
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

/** What is no execution id names no execution. @throws NotFoundError */
export function checkId(id: string): string {
  const parsed = ExecutionId.safeParse(id);
  if (!parsed.success) throw new NotFoundError();
  return parsed.data.toLowerCase();
}
