import { Body, Controller, Headers, type MessageEvent, Post, Query, Req, Res, Sse } from '@nestjs/common';
import {
  CreateStreamTicket,
  type ExecutionFilter,
  ExecutionsStreamData,
  filterKey,
  OpenExecutionsStream,
  StreamTicket,
} from '@cloutagent/contract';
import type { Request, Response } from 'express';
import type { Observable } from 'rxjs';
import {
  AllowTicket,
  CurrentPrincipal,
  RequireScope,
  type TicketTargetOf,
} from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { TicketsService } from '../../auth/tickets.service.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { NoContentSignal } from '../../problems/no-content.signal.js';
import { StreamHub } from '../../streaming/stream-hub.js';
import { EXAMPLE_MULTI_STREAM, EXAMPLE_MULTI_STREAM_TICKET } from '../examples.js';
import { FRAMING } from './framing.js';
import { MultiStreamResolver } from './multi-stream-resolver.js';
import { StreamAdmission } from './stream-admission.js';

/**
 * Reads the filter of the query. A filter that is not valid matches no ticket. Other parameters do not count here: an
 * unknown one is refused as such, and not as a wrong ticket.
 */
const filterInQuery: TicketTargetOf = ({ query: { projectId, status, tag, rootId, executionIds } }) => {
  const { data } = CreateStreamTicket.safeParse({ projectId, status, tag, rootId, executionIds });
  return data && { filter: filterKey(data) };
};

/** Must be registered before ExecutionsController, which would treat `stream` as an execution's id. */
@Controller('api/executions')
export class MultiStreamsController {
  constructor(
    private readonly resolver: MultiStreamResolver,
    private readonly hub: StreamHub,
    private readonly admission: StreamAdmission,
    private readonly tickets: TicketsService,
  ) {}

  /** Checks everything before the headers are sent: until then a request can be answered with a problem. */
  @Sse('stream')
  @RequireScope('executions:read')
  @AllowTicket(filterInQuery)
  @Documented({
    id: 'streamExecutions',
    tag: 'Streams',
    summary: 'Watch many executions as server-sent events',
    description: `By filter (projectId, status, tag): the stream covers the executions that match and have not ended, and every later one that starts to match; the server never ends it. Child executions are left out. By root (rootId): it covers this execution and all executions below it from their first events, and the server ends it after the end of the root. By id (executionIds): it covers exactly these executions, and the server ends it after the last of them. With neither, it covers every execution that the caller may see. The first frame is \`connection:established\`, whose id is the cursor. It is followed by the events of each execution in order, and the id of each frame is a cursor over all executions. ${FRAMING}`,
    status: 200,
    noContent:
      'The stream is by id or by root, and these executions have no further events. `EventSource` does not connect again.',
    query: OpenExecutionsStream,
    requestHeaders: ['Last-Event-ID'],
    response: ExecutionsStreamData,
    contentType: 'text/event-stream',
    examples: EXAMPLE_MULTI_STREAM,
    errors: ['invalid_last_event_id', 'not_found', 'too_many_streams'],
  })
  async stream(
    @Query({ schema: OpenExecutionsStream }) query: OpenExecutionsStream,
    @Headers('last-event-id') lastEventId: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Observable<MessageEvent>> {
    const cursor = lastEventId || query.lastEventId || undefined;
    const start = await this.resolver.open(query, cursor, principal);
    if (!start) throw new NoContentSignal();
    // HEAD is routed here too. It gets the headers, without a stream that keeps its connection open.
    if (request.method === 'HEAD') return this.hub.head(response);
    return this.hub.watch({
      ...start,
      types: query.types,
      response,
      principalId: principal.id,
      expiresAt: principal.expiresAt,
      enter: this.admission.prepare(principal, undefined, request),
    });
  }

  @Post('stream-tickets')
  @RequireScope('executions:read')
  @Documented({
    id: 'createExecutionsStreamTicket',
    tag: 'Streams',
    summary: 'Create a ticket that opens a stream of many executions with EventSource',
    description: '`EventSource` can reconnect with the ticket from the same address until it expires.',
    status: 201,
    body: {
      schema: CreateStreamTicket,
      required: false,
      examples: { filter: { value: { projectId: 'demo', status: ['running', 'paused'] } } },
    },
    response: StreamTicket,
    examples: { ticket: { value: EXAMPLE_MULTI_STREAM_TICKET } },
    errors: ['not_found'],
  })
  async ticket(
    @Body({ schema: CreateStreamTicket }) filter: CreateStreamTicket,
    @CurrentPrincipal() principal: Principal,
    @Req() { baseUrl }: Request,
  ): Promise<StreamTicket> {
    const { ticket, expiresAt } = await this.tickets.issue(principal, {
      filter: await this.resolver.check(filter, principal),
    });
    return { ticket, expiresAt, url: `${baseUrl}/api/executions/stream?${queryOf(filter, ticket)}` };
  }
}

function queryOf({ projectId, status, tag, rootId, executionIds }: ExecutionFilter, ticket: string): string {
  const query = new URLSearchParams();
  if (projectId !== undefined) query.set('projectId', projectId);
  if (status) query.set('status', status.join());
  if (tag !== undefined) query.set('tag', tag);
  if (rootId !== undefined) query.set('rootId', rootId);
  if (executionIds) query.set('executionIds', executionIds.join());
  query.set('ticket', ticket);
  return query.toString();
}
