import {
  Controller,
  Headers,
  HttpCode,
  type MessageEvent,
  type OnModuleInit,
  Param,
  Post,
  Query,
  Req,
  Res,
  Sse,
} from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { ExecutionEventSchema, isTerminal, OpenStream, StreamTicket } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { EMPTY, type Observable } from 'rxjs';
import { AllowTicket, CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import { RevocationMonitor } from '../../auth/revocation-monitor.js';
import type { Principal } from '../../auth/principal.js';
import { TicketsService } from '../../auth/tickets.service.js';
import { JournalReader } from '../../journal/journal-reader.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { NoContentSignal } from '../../problems/no-content.signal.js';
import { ProblemError } from '../../problems/problem.error.js';
import { StreamHub } from '../../streaming/stream-hub.js';
import { EXAMPLE_STREAM, EXAMPLE_TICKET } from '../examples.js';
import { checkId } from '../execution-id.js';
import { ExecutionsService } from '../executions.service.js';
import { parseLastEventId } from './last-event-id.js';
import { ExecutionLookup } from './execution-lookup.js';
import { StreamAdmission } from './stream-admission.js';

@Controller('api/executions/:executionId')
export class StreamsController implements OnModuleInit {
  constructor(
    private readonly executions: ExecutionsService,
    private readonly lookup: ExecutionLookup,
    private readonly journal: JournalReader,
    private readonly hub: StreamHub,
    private readonly admission: StreamAdmission,
    private readonly watch: RevocationMonitor,
    private readonly tickets: TicketsService,
  ) {}

  onModuleInit(): void {
    this.watch.revoked.subscribe((principalId) => this.hub.closeByPrincipal(principalId));
  }

  /** The execution is looked up before anything is sent: until then it can still be answered with a problem. */
  @Sse('stream')
  @RequireScope('executions:read')
  @AllowTicket()
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'Events after this sequence are sent.' })
  @Documented({
    summary: 'Watch an execution, as server-sent events',
    description:
      'Opens with `connection:established`, which has no id. Then every recorded event after Last-Event-ID, in order: `id` is the ' +
      'sequence, `event` the type, `data` the fields shown here without sequence and type. Comments (`: ping`) are heartbeats. ' +
      'The server ends the stream with the execution; 204 says that there is nothing more to come.',
    status: 200,
    query: OpenStream,
    response: ExecutionEventSchema,
    example: EXAMPLE_STREAM,
    contentType: 'text/event-stream',
    errors: ['validation_failed', 'invalid_last_event_id', 'invalid_ticket', 'not_found', 'too_many_streams'],
  })
  async stream(
    @Param('executionId') id: string,
    @Query({ schema: OpenStream }) query: OpenStream,
    @Headers('last-event-id') lastEventId: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Observable<MessageEvent>> {
    const { id: executionId, status, lastSequence } = await this.lookup.find(checkId(id), principal);
    const after = parseLastEventId(lastEventId || query.lastEventId);
    if (after > lastSequence) {
      throw new ProblemError(
        'invalid_last_event_id',
        `Last-Event-ID ${after} is past the end: the execution has ${lastSequence} events. Start again without it.`,
      );
    }
    if (isTerminal(status) && !(await this.hasMore(executionId, after, lastSequence, query.types)))
      throw new NoContentSignal();
    // HEAD is routed here too and has no body: the headers, and no stream that holds its connection.
    if (request.method === 'HEAD') return EMPTY;
    return this.hub.subscribe({
      executionId,
      after,
      types: query.types,
      response,
      principalId: principal.id,
      expiresAt: principal.expiresAt,
      established: {
        executionId,
        message: 'You will see every event of this execution, in order.',
        status,
      },
      enter: this.admission.prepare(principal, executionId, request),
    });
  }

  @Post('stream-tickets')
  @HttpCode(201)
  @RequireScope('executions:read')
  @Documented({
    summary:
      'A ticket to open the stream with EventSource, which may reconnect with it from the same address',
    status: 201,
    response: StreamTicket,
    example: EXAMPLE_TICKET,
    errors: ['not_found'],
  })
  async ticket(
    @Param('executionId') id: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<StreamTicket> {
    const row = await this.executions.find(checkId(id), principal);
    const { ticket, expiresAt } = await this.tickets.issue(principal, { executionId: row.id });
    return { ticket, expiresAt, url: `/api/executions/${row.id}/stream?ticket=${ticket}` };
  }

  private async hasMore(
    executionId: string,
    after: number,
    last: number,
    types: OpenStream['types'],
  ): Promise<boolean> {
    if (!types || after >= last) return after < last;
    return (await this.journal.read(executionId, after, { types, limit: 1, bytes: 1 })).length > 0;
  }
}
