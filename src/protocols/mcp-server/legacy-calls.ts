import { Inject, Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { addressOf } from '../../auth/client-address.js';
import type { Principal } from '../../auth/principal.js';
import { Holder } from '../../common/holder.js';
import { Settings } from '../../config/settings.js';
import { Logger } from '../../logging/logger.js';
import { itemProblem } from '../../problems/problem-body.js';
import { ProblemError } from '../../problems/problem.error.js';
import { StreamQuota } from '../../throttling/stream-quota.js';
import { type CallNotice, CallPeers } from './call-peers.js';
import { pendingResult } from './call-results.js';
import { CallStream } from './call-stream.js';
import { ElicitedAnswers } from './elicited-answers.js';
import { errorBody, type RequestId, toProblem } from './json-rpc.js';
import { type CallPlace, encodePlace, isRecord, type LegacySession } from './legacy-session.js';
import type { AskedWait } from './mcp-state.js';
import { type CallClient, type StopReason, ToolCalls } from './tool-calls.js';

/** A `tools/call` of a client before revision 2026-07-28. */
export interface LegacyCall {
  readonly id: RequestId;
  readonly tool: string;
  readonly args: Json;
  readonly progressToken: RequestId | undefined;
  readonly idempotencyKey: unknown;
  /** Whether the client understands an event without a message. */
  readonly canPrime: boolean;
}

/** The HTTP exchange of a call. */
export interface LegacyExchange {
  readonly session: LegacySession | undefined;
  readonly principal: Principal;
  readonly request: Request;
  readonly response: Response;
}

const WAIT_ID = /^wait:([0-9a-f-]{36}):\d+$/;

/**
 * Answers `tools/call` for the revisions before 2026-07-28, as server-sent events. Their ids name a place in the journal, so
 * that a client whose connection broke continues at any process. A client that leaves does not cancel the execution: these
 * revisions cancel with a notification.
 */
@Injectable()
export class LegacyCalls {
  private readonly logger = new Logger(LegacyCalls.name);

  constructor(
    private readonly calls: ToolCalls,
    private readonly answers: ElicitedAnswers,
    private readonly peers: CallPeers,
    private readonly quota: StreamQuota,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'HEARTBEAT_INTERVAL_MS' | 'STREAM_RETRY_MS'>,
  ) {}

  /** Starts an execution and answers with its stream. Everything that can be refused is refused as plain JSON. */
  async call(call: LegacyCall, exchange: LegacyExchange): Promise<void> {
    const { id, progressToken } = call;
    const { principal, request, response } = exchange;
    let started;
    let place: Holder | undefined;
    try {
      place = this.quota.acquire(principal.id, undefined, addressOf(request));
      started = await this.calls.start(call, principal);
    } catch (error) {
      place?.release();
      if (!(error instanceof ProblemError)) throw error;
      response.json(errorBody(itemProblem(error), id));
      return;
    }
    using _place = place;
    if (typeof started !== 'string') {
      response.json({ jsonrpc: '2.0', id, result: started });
      return;
    }
    const from = { executionId: started, sequence: 0, requestId: id, progressToken };
    await this.stream(from, exchange, call.canPrime);
  }

  /**
   * Continues the stream of a call.
   * @throws NotFoundError if the execution is not the principal's; ProblemError 429 `too_many_streams`
   */
  async resume(place: CallPlace, exchange: LegacyExchange): Promise<void> {
    using _place = this.quota.acquire(exchange.principal.id, undefined, addressOf(exchange.request));
    await this.calls.check(place.executionId, exchange.principal);
    await this.stream(place, exchange, true);
  }

  /** Cancels the call of a client. A client without the id of a session has no calls that can be told apart. */
  async cancel(requestId: unknown, { session, principal }: LegacyExchange): Promise<void> {
    if (session) await this.peers.notify(callKey(principal, session, requestId), { kind: 'cancelled' });
  }

  /** Takes the answer of a client to a form. */
  async answer(response: Record<string, unknown>, principal: Principal): Promise<void> {
    const waitId = WAIT_ID.exec(String(response['id']))?.[1];
    if (waitId === undefined) return;
    const taken = await this.answers.take(waitId, response['result'], principal).catch((error: unknown) => {
      if (error instanceof ProblemError) return { kind: 'declined' as const };
      throw error;
    });
    if (taken.kind === 'answered') return;
    const notice = taken.kind === 'declined' ? taken : { ...taken, waitId };
    await this.peers.notify(waitKey(principal, waitId), notice);
  }

  private async stream(from: CallPlace, exchange: LegacyExchange, canPrime: boolean): Promise<void> {
    const { executionId, requestId: id } = from;
    const { session, principal, response } = exchange;
    const stream = new CallStream(response, this.settings.HEARTBEAT_INTERVAL_MS);
    const client = new LegacyClient(from, stream, (wait, problem) =>
      session?.elicits ? this.answers.formFor(wait, principal, problem) : undefined,
    );
    const holders = [
      session && this.peers.register(callKey(principal, session, id), (notice) => client.receive(notice)),
    ];
    client.onAsked = (waitId) =>
      holders.push(this.peers.register(waitKey(principal, waitId), (notice) => client.receive(notice)));
    try {
      const eventId = encodePlace(from);
      if (canPrime && eventId !== undefined) stream.prime(eventId, this.settings.STREAM_RETRY_MS);
      const outcome = await this.calls.follow(executionId, principal, client, { after: from.sequence });
      if (outcome.kind === 'stopped' && outcome.reason === 'cancelled')
        await this.calls.cancel(executionId, principal);
      else if (outcome.kind === 'result')
        await stream.send({ jsonrpc: '2.0', id, result: outcome.result }, client.eventId);
      else {
        const reason = outcome.kind === 'waiting' || outcome.reason === 'declined' ? 'waiting' : 'late';
        await stream.send(
          { jsonrpc: '2.0', id, result: pendingResult(outcome.state, reason) },
          client.eventId,
        );
      }
    } catch (error) {
      await stream.send(errorBody(toProblem(error, this.logger), id));
    } finally {
      for (const holder of holders) holder?.release();
      stream.end();
    }
  }
}

const callKey = ({ id }: Principal, session: LegacySession, requestId: unknown) => [
  'call',
  id,
  session.id,
  requestId,
];
const waitKey = ({ id }: Principal, waitId: string) => ['wait', id, waitId];

/** The client of a call on its stream. */
class LegacyClient implements CallClient {
  /** Called with the id of each wait that the client is asked about. */
  onAsked: (waitId: string) => void = () => undefined;
  private readonly stop = new AbortController();
  private readonly asked = new Map<string, { wait: AskedWait; times: number }>();
  private sequence: number;

  constructor(
    private readonly from: CallPlace,
    private readonly stream: CallStream,
    private readonly formOf: (wait: AskedWait, problem?: string) => object | undefined,
  ) {
    this.sequence = from.sequence;
    stream.closed.addEventListener('abort', () => this.end('left'), { once: true });
    if (stream.closed.aborted) this.end('left');
  }

  get signal(): AbortSignal {
    return this.stop.signal;
  }

  /** The id of the events at the place that the call has reached. */
  get eventId(): string | undefined {
    return encodePlace({ ...this.from, sequence: this.sequence });
  }

  async progress(notification: { params: object }, sequence: number): Promise<void> {
    this.sequence = sequence;
    const { progressToken } = this.from;
    if (progressToken === undefined) return;
    const params = { ...notification.params, progressToken };
    await this.stream.send({ ...notification, params }, this.eventId);
  }

  ask(waits: readonly AskedWait[]): boolean {
    for (const wait of waits) if (!this.asked.has(wait.waitId)) this.send(wait);
    return waits.some(({ waitId }) => this.asked.has(waitId));
  }

  receive(notice: CallNotice): void {
    if (notice.kind !== 'invalid') this.end(notice.kind);
    else {
      const wait = this.asked.get(notice.waitId)?.wait;
      if (wait) this.send(wait, notice.problem);
    }
  }

  private end(reason: StopReason): void {
    this.stop.abort(reason);
  }

  private send(wait: AskedWait, problem?: string): void {
    const form = this.formOf(wait, problem);
    if (!form) return;
    const { waitId } = wait;
    const times = (this.asked.get(waitId)?.times ?? 0) + 1;
    if (times === 1) this.onAsked(waitId);
    this.asked.set(waitId, { wait, times });
    const message = {
      jsonrpc: '2.0',
      id: `wait:${waitId}:${times}`,
      method: 'elicitation/create',
      params: form,
    };
    void this.stream.send(message, this.eventId);
  }
}

/**
 * Reads a `tools/call` of the earlier revisions.
 * @param version the header MCP-Protocol-Version
 * @returns undefined for everything else, and for one that is not valid
 */
export function legacyCallOf(message: unknown, version: string | undefined): LegacyCall | undefined {
  if (!isRecord(message) || message['jsonrpc'] !== '2.0' || message['method'] !== 'tools/call')
    return undefined;
  const { id, params } = message;
  if ((typeof id !== 'string' && !Number.isSafeInteger(id)) || !isRecord(params)) return undefined;
  const { name, arguments: args = {}, _meta: meta = {} } = params;
  if (typeof name !== 'string' || !isRecord(args) || !isRecord(meta)) return undefined;
  const token = meta['progressToken'];
  if (token !== undefined && typeof token !== 'string' && !Number.isSafeInteger(token)) return undefined;
  return {
    id: id as RequestId,
    tool: name,
    args: args as Json,
    progressToken: token as RequestId | undefined,
    idempotencyKey: meta['cloutagent/idempotencyKey'],
    canPrime: version !== undefined && version >= '2025-11-25',
  };
}
