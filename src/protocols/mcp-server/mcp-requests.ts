import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { createMcpHandler, isLegacyRequest, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';
import type { Request, Response } from 'express';
import { addressOf } from '../../auth/client-address.js';
import type { Principal } from '../../auth/principal.js';
import { Settings } from '../../config/settings.js';
import { Logger } from '../../logging/logger.js';
import { ProblemError } from '../../problems/problem.error.js';
import { StreamQuota } from '../../throttling/stream-quota.js';
import { LegacyCalls, legacyCallOf, type LegacyExchange } from './legacy-calls.js';
import { decodePlace, isRecord, newSessionId, sessionOf } from './legacy-session.js';
import { type McpCaller, McpServerFactory } from './mcp-server-factory.js';
import { WebExchange } from './web-exchange.js';

/** Methods whose answers may be open for long. They count as streams. */
const LONG_METHODS = new Set<unknown>(['tools/call', 'subscriptions/listen']);

/**
 * Answers the requests of MCP clients. The SDK answers revision 2026-07-28, and for the earlier ones everything that one process
 * can answer at once; `LegacyCalls` does the rest. Nothing is kept between requests, so each may reach another process.
 */
@Injectable()
export class McpRequests implements OnApplicationShutdown {
  private readonly logger = new Logger(McpRequests.name);
  private readonly handler;

  constructor(
    factory: McpServerFactory,
    private readonly calls: LegacyCalls,
    private readonly quota: StreamQuota,
    @Inject(Settings) settings: Pick<Settings, 'HEARTBEAT_INTERVAL_MS'>,
  ) {
    this.handler = createMcpHandler(
      ({ authInfo, era }) => {
        const caller = authInfo?.extra?.['caller'] as Omit<McpCaller, 'isModern'>;
        return factory.make({ ...caller, isModern: era === 'modern' });
      },
      {
        keepAliveMs: settings.HEARTBEAT_INTERVAL_MS,
        onerror: ({ message }) => this.logger.debug(`a request of an MCP client was refused: ${message}`),
      },
    );
  }

  onApplicationShutdown(): Promise<void> {
    return this.handler.close();
  }

  async post(principal: Principal, request: Request, response: Response): Promise<void> {
    const exchange = new WebExchange(request, response);
    const body: unknown = request.body;
    if (!(await isLegacyRequest(exchange.request, body ?? null))) {
      await this.answer(exchange, principal, request, body);
      return;
    }
    const version = request.get('MCP-Protocol-Version');
    const session = sessionOf(request.get('Mcp-Session-Id'));
    const legacy: LegacyExchange = { session, principal, request, response };
    for (const message of Array.isArray(body) ? body : [body]) await this.receive(message, legacy);
    const call = isAcceptable(request, version) ? legacyCallOf(body, version) : undefined;
    if (call) {
      await this.calls.call(call, legacy);
      return;
    }
    if (isRecord(body) && body['method'] === 'initialize' && isRecord(body['params']))
      response.setHeader('Mcp-Session-Id', newSessionId(body['params']['capabilities']));
    await this.answer(exchange, principal, request, body);
  }

  /** @throws ProblemError 400 `invalid_last_event_id`; 405 `method_not_allowed` for a client that continues nothing */
  async get(principal: Principal, request: Request, response: Response): Promise<void> {
    const lastEventId = request.get('Last-Event-ID');
    if (lastEventId === undefined) throw nothingToReceive();
    const place = decodePlace(lastEventId);
    if (!place) throw new ProblemError('invalid_last_event_id');
    const session = sessionOf(request.get('Mcp-Session-Id'));
    await this.calls.resume(place, { session, principal, request, response });
  }

  /** Takes a message that needs no answer: the end of a call, or the answer to a form. */
  private async receive(message: unknown, exchange: LegacyExchange): Promise<void> {
    if (!isRecord(message)) return;
    const { method, params } = message;
    if (method === 'notifications/cancelled' && isRecord(params))
      await this.calls.cancel(params['requestId'], exchange);
    else if (method === undefined && ('result' in message || 'error' in message))
      await this.calls.answer(message, exchange.principal);
  }

  private async answer(
    exchange: WebExchange,
    principal: Principal,
    request: Request,
    body: unknown,
  ): Promise<void> {
    const isLong = isRecord(body) && LONG_METHODS.has(body['method']);
    using _place = isLong ? this.quota.acquire(principal.id, undefined, addressOf(request)) : undefined;
    const caller: Omit<McpCaller, 'isModern'> = { principal, ready: exchange.ready };
    const authInfo = { token: '', clientId: principal.id, scopes: [...principal.scopes], extra: { caller } };
    await exchange.send(
      await this.handler.fetch(exchange.request, {
        authInfo,
        ...(body !== undefined && { parsedBody: body }),
      }),
    );
  }
}

const nothingToReceive = (): ProblemError =>
  new ProblemError(
    'method_not_allowed',
    'The server sends nothing by itself. Send your requests with POST. To continue an answer, send GET with the header Last-Event-ID.',
    { headers: { Allow: 'POST' } },
  );

/** Whether a client takes server-sent events in a revision of the protocol that this server has. The SDK refuses it otherwise. */
const isAcceptable = (request: Request, version: string | undefined): boolean =>
  ['application/json', 'text/event-stream'].every((type) => request.get('Accept')?.includes(type)) &&
  (version === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(version));
