import { Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type InputRequest,
  inputRequired,
  type InputRequiredResult,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';
import type { Principal } from '../../auth/principal.js';
import { Logger } from '../../logging/logger.js';
import { pendingResult } from './call-results.js';
import { ElicitedAnswers } from './elicited-answers.js';
import { ExecutionResources } from './execution-resources.js';
import { toProtocolError } from './json-rpc.js';
import { elicitsForms } from './legacy-session.js';
import type { AskedWait } from './mcp-state.js';
import { ToolCatalog } from './tool-catalog.js';
import { type CallClient, type CallOutcome, ToolCalls } from './tool-calls.js';

const INSTRUCTIONS =
  'Each tool starts an execution of a saved workflow and answers with its output. If the execution takes long, the answer names ' +
  'a resource execution://<id>: read it until its status is completed, failed or cancelled.';

/** Who sends a request, and how. */
export interface McpCaller {
  readonly principal: Principal;
  /** Whether the request is of revision 2026-07-28. */
  readonly isModern: boolean;
  /** Resolves when the client can take more of the answer, or has left. */
  readonly ready: () => Promise<void>;
}

/** Makes the server of the SDK that answers one request. */
@Injectable()
export class McpServerFactory {
  constructor(
    private readonly catalog: ToolCatalog,
    private readonly calls: ToolCalls,
    private readonly answers: ElicitedAnswers,
    private readonly resources: ExecutionResources,
  ) {}

  make(caller: McpCaller): McpServer {
    const { principal } = caller;
    const mcp = new McpServer(
      { name: 'cloutagent-executions', title: 'CloutAgent Executions', version: '0.1.0' },
      {
        capabilities: { tools: {}, resources: {} },
        instructions: INSTRUCTIONS,
        inputRequired: { legacyShim: false },
      },
    );
    const { server } = mcp;
    server.setRequestHandler('tools/list', ({ params }) =>
      answer(this.catalog.list(principal, params?.cursor)),
    );
    server.setRequestHandler('tools/call', ({ params }, context) =>
      answer(this.call(params, context, caller)),
    );
    server.setRequestHandler('resources/list', ({ params }) =>
      answer(this.resources.list(principal, params?.cursor)),
    );
    server.setRequestHandler('resources/templates/list', () => this.resources.templates());
    server.setRequestHandler('resources/read', ({ params }) =>
      answer(this.resources.read(params.uri, principal)),
    );
    return mcp;
  }

  private async call(
    params: { name: string; arguments?: Record<string, unknown> | undefined },
    context: ServerContext,
    caller: McpCaller,
  ): Promise<CallToolResult | InputRequiredResult> {
    const { mcpReq } = context;
    const { principal, isModern } = caller;
    const continued = placeOf(mcpReq.requestState());
    const executionId = continued?.executionId ?? (await this.start(params, context, principal));
    if (typeof executionId !== 'string') return executionId;
    const given = await this.takeAnswers(executionId, continued && mcpReq.inputResponses, principal);
    const client = new ModernClient(context, continued?.sequence ?? 0, caller.ready);
    const follow = { after: client.sequence, answered: given.answered };
    const outcome = await this.calls.follow(executionId, principal, client, follow);
    if (outcome.kind === 'result') return outcome.result;
    if (outcome.kind === 'stopped' && outcome.reason === 'left') {
      // With this revision, a client cancels a call by leaving. No one reads the answer. A call of an earlier revision comes
      // here only in a batch, and is cancelled by nothing.
      if (isModern) await this.calls.cancel(executionId, principal);
      return pendingResult(outcome.state, 'late');
    }
    if (outcome.kind === 'waiting' && isModern && !given.isDeclined) {
      const asked = this.ask(outcome, client, context, principal, given.problems);
      if (asked) return asked;
    }
    return pendingResult(outcome.state, outcome.kind === 'waiting' ? 'waiting' : 'late');
  }

  private start(
    { name, arguments: args = {} }: { name: string; arguments?: Record<string, unknown> | undefined },
    { mcpReq: { _meta: meta } }: ServerContext,
    principal: Principal,
  ) {
    const idempotencyKey = meta?.['cloutagent/idempotencyKey'];
    return this.calls.start({ tool: name, args: args as Json, idempotencyKey }, principal);
  }

  /** Records the answers that a repeated request has. */
  private async takeAnswers(
    executionId: string,
    responses: Readonly<Record<string, unknown>> | undefined,
    principal: Principal,
  ) {
    const answered = new Set<string>();
    const problems = new Map<string, string>();
    let isDeclined = false;
    for (const [waitId, response] of Object.entries(responses ?? {})) {
      const taken = await this.answers.take(waitId, response, principal, executionId);
      if (taken.kind === 'answered') answered.add(waitId);
      else if (taken.kind === 'invalid') problems.set(waitId, taken.problem);
      else isDeclined = true;
    }
    return { answered, problems, isDeclined };
  }

  /** Returns the forms for the waits; undefined if the client or the caller can answer none of them. */
  private ask(
    { state, waits }: CallOutcome & { kind: 'waiting' },
    { sequence }: ModernClient,
    { mcpReq: { envelope } }: ServerContext,
    principal: Principal,
    problems: ReadonlyMap<string, string>,
  ): InputRequiredResult | undefined {
    if (!elicitsForms((envelope as Record<string, unknown> | undefined)?.[CLIENT_CAPABILITIES_META_KEY]))
      return undefined;
    const inputRequests: Record<string, InputRequest> = {};
    for (const wait of waits) {
      const form = this.answers.formFor(wait, principal, problems.get(wait.waitId));
      if (form) inputRequests[wait.waitId] = inputRequired.elicit(form as ElicitParams);
    }
    if (Object.keys(inputRequests).length === 0) return undefined;
    return inputRequired({ inputRequests, requestState: `${state.executionId}.${sequence}` });
  }
}

type ElicitParams = Parameters<typeof inputRequired.elicit>[0];

/** A client of revision 2026-07-28. */
class ModernClient implements CallClient {
  readonly signal: AbortSignal;

  constructor(
    private readonly context: ServerContext,
    public sequence: number,
    /** Resolves when the client can take more. */
    private readonly ready: () => Promise<void>,
  ) {
    const left = new AbortController();
    const { signal } = context.mcpReq;
    const onLeft = () => left.abort('left');
    if (signal.aborted) onLeft();
    else signal.addEventListener('abort', onLeft, { once: true });
    this.signal = left.signal;
  }

  async progress({ method, params }: { method: string; params: object }, sequence: number): Promise<void> {
    this.sequence = sequence;
    const { mcpReq } = this.context;
    const progressToken = mcpReq._meta?.progressToken;
    if (progressToken === undefined || this.signal.aborted) return;
    await mcpReq.notify({ method, params: { ...params, progressToken } }).catch((error: unknown) => {
      // The client may leave while the notification is sent.
      if (!this.signal.aborted) throw error;
    });
    await this.ready();
  }

  /** A call ends with its questions: the client repeats it with the answers. */
  ask(_waits: readonly AskedWait[]): boolean {
    return false;
  }
}

/**
 * Reads the state that a client sends back. It needs no signature: the principal must own the execution, and may read and answer
 * it without the state as well.
 */
function placeOf(state: unknown): { executionId: string; sequence: number } | undefined {
  if (state === undefined) return undefined;
  const [, executionId, sequence] =
    /^([0-9a-f-]{36})\.([0-9]{1,10})$/.exec(typeof state === 'string' ? state : '') ?? [];
  if (executionId === undefined)
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Send requestState back as it was received.', {
      code: 'validation_failed',
    });
  return { executionId, sequence: Number(sequence) };
}

const logger = new Logger(McpServerFactory.name);

async function answer<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toProtocolError(error, logger);
  }
}
