import {
  Controller,
  Headers,
  type MessageEvent,
  type OnModuleInit,
  Param,
  Post,
  Query,
  Req,
  Res,
  Sse,
} from '@nestjs/common';
import { ExecutionId, OpenStream, StreamData, StreamTicket } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import type { Observable } from 'rxjs';
import { AllowTicket, CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import { RevocationMonitor } from '../../auth/revocation-monitor.js';
import type { Principal } from '../../auth/principal.js';
import { TicketsService } from '../../auth/tickets.service.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { NoContentSignal } from '../../problems/no-content.signal.js';
import { ValidationFailedError } from '../../problems/problem.error.js';
import { StreamHub } from '../../streaming/stream-hub.js';
import { EXAMPLE_STREAM, EXAMPLE_TICKET } from '../examples.js';
import { FRAMING } from './framing.js';
import { FormattedStreams } from './formatted-streams.js';
import { parseFramePlace } from './frame-place.js';
import { ExecutionLookup } from './execution-lookup.js';
import { StreamAdmission } from './stream-admission.js';
import { establishedOf, StreamResolver } from './stream-resolver.js';

@Controller('api/executions/:executionId')
export class StreamsController implements OnModuleInit {
  constructor(
    private readonly resolver: StreamResolver,
    private readonly executions: ExecutionLookup,
    private readonly formatted: FormattedStreams,
    private readonly hub: StreamHub,
    private readonly admission: StreamAdmission,
    private readonly revocations: RevocationMonitor,
    private readonly tickets: TicketsService,
  ) {}

  onModuleInit(): void {
    this.revocations.revoked.subscribe((principalId) => this.hub.closeByPrincipal(principalId));
  }

  /** Checks everything before the headers are sent: until then a request can be answered with a problem. */
  @Sse('stream')
  @RequireScope('executions:read')
  @AllowTicket()
  @Documented({
    id: 'streamExecution',
    tag: 'Streams',
    summary: 'Watch an execution as server-sent events',
    description: `The first frame is \`connection:established\`, which has no id. It is followed by every recorded event after \`Last-Event-ID\`, in order. The server closes the stream after the last event of the execution. ${FRAMING} With \`format\` the frames are those of another protocol, without \`connection:established\`.`,
    status: 200,
    noContent: 'The execution has ended and has no further events. `EventSource` does not connect again.',
    params: { executionId: ExecutionId },
    query: OpenStream,
    requestHeaders: ['Last-Event-ID'],
    response: StreamData,
    contentType: 'text/event-stream',
    examples: EXAMPLE_STREAM,
    errors: ['invalid_last_event_id', 'not_found', 'too_many_streams', 'http_version_too_old'],
  })
  async stream(
    @Param('executionId') id: string,
    @Query({ schema: OpenStream }) query: OpenStream,
    @Headers('last-event-id') lastEventId: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Observable<MessageEvent>> {
    const position = lastEventId || query.lastEventId;
    if (query.format !== undefined) {
      refuseTypes(query);
      const place = parseFramePlace(position);
      const stream = await this.formatted.resolve(
        { executionId: id, format: query.format, place },
        principal,
      );
      if (request.method === 'HEAD') return this.hub.head(response);
      const enter = this.admission.prepare(principal, stream.executionId, request);
      return this.hub.subscribe({ ...stream, response, enter });
    }
    const start = await this.resolver.resolve(id, position, query.types, principal);
    if (!start) throw new NoContentSignal();
    const { executionId, after } = start;
    // HEAD is routed here too. It gets the headers, without a stream that keeps its connection open.
    if (request.method === 'HEAD') return this.hub.head(response);
    return this.hub.subscribe({
      executionId,
      after,
      committed: () => this.executions.committedSequence(executionId),
      types: query.types,
      response,
      principalId: principal.id,
      expiresAt: principal.expiresAt,
      established: establishedOf(start),
      enter: this.admission.prepare(principal, executionId, request),
    });
  }

  @Post('stream-tickets')
  @RequireScope('executions:read')
  @Documented({
    id: 'createStreamTicket',
    tag: 'Streams',
    summary: 'Create a ticket that opens the stream with EventSource',
    description: '`EventSource` can reconnect with the ticket from the same address until it expires.',
    status: 201,
    params: { executionId: ExecutionId },
    response: StreamTicket,
    examples: { ticket: { value: EXAMPLE_TICKET } },
    errors: ['not_found'],
  })
  async ticket(
    @Param('executionId') id: string,
    @CurrentPrincipal() principal: Principal,
    @Req() { baseUrl }: Request,
  ): Promise<StreamTicket> {
    const { id: executionId } = await this.executions.find(id, principal);
    const { ticket, expiresAt } = await this.tickets.issue(principal, { executionId });
    return { ticket, expiresAt, url: `${baseUrl}/api/executions/${executionId}/stream?ticket=${ticket}` };
  }
}

function refuseTypes({ types }: OpenStream): void {
  if (types)
    throw new ValidationFailedError([
      { path: 'types', message: 'must be left out with format: a format needs all events' },
    ]);
}
