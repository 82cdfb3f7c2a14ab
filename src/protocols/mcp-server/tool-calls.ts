import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { Settings } from '../../config/settings.js';
import { ExecutionControl } from '../../executions/commands/execution-control.js';
import { ExecutionStarter } from '../../executions/commands/execution-starter.js';
import { ExecutionReader } from '../../executions/queries/execution-reader.js';
import { FormatReader } from '../../executions/streams/format-reader.js';
import { Logger } from '../../logging/logger.js';
import { checkIdempotencyKey } from '../../problems/idempotency-key.js';
import { itemProblem } from '../../problems/problem-body.js';
import { ProblemError, ValidationFailedError } from '../../problems/problem.error.js';
import { refusedResult, type ToolResult } from './call-results.js';
import { type CallResponse, MCP_FORMAT, type ProgressNotification } from './mcp-format.js';
import type { AskedWait, McpState } from './mcp-state.js';
import { ToolCatalog } from './tool-catalog.js';

/** A request to call a tool. */
export interface ToolCall {
  readonly tool: string;
  readonly args: Json;
  /** Of `_meta["cloutagent/idempotencyKey"]`, which CloutAgent's own agents send. */
  readonly idempotencyKey: unknown;
}

/**
 * Why a call stops to follow its execution. `late`: its time is up, or the server shuts down. `left`: the client is gone.
 * `cancelled`: the client cancelled the call. `declined`: the person at the client does not answer a wait.
 */
export type StopReason = 'late' | 'left' | 'cancelled' | 'declined';

/** The client of a call, as the revision of its protocol allows. */
export interface CallClient {
  /** Aborts with a `StopReason`. */
  readonly signal: AbortSignal;
  /** Sends a notification. Resolves when the client can take the next one. */
  progress(notification: ProgressNotification, sequence: number): Promise<void>;
  /**
   * Called when the execution waits for answers.
   * @returns whether the client has been asked for them and answers while the call is open
   */
  ask(waits: readonly AskedWait[]): boolean;
}

/** How a call ends: with a result, or before the execution has ended. */
export type CallOutcome =
  | { readonly kind: 'result'; readonly result: ToolResult }
  | { readonly kind: 'waiting'; readonly state: McpState; readonly waits: readonly AskedWait[] }
  | { readonly kind: 'stopped'; readonly state: McpState; readonly reason: StopReason };

const NONE: ReadonlySet<string> = new Set();

/** Starts the executions of tool calls, and follows them. */
@Injectable()
export class ToolCalls implements OnModuleDestroy {
  private readonly logger = new Logger(ToolCalls.name);
  private readonly open = new Set<AbortController>();
  private isClosing = false;

  constructor(
    private readonly catalog: ToolCatalog,
    private readonly starter: ExecutionStarter,
    private readonly reader: FormatReader,
    private readonly executions: ExecutionReader,
    private readonly control: ExecutionControl,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'MCP_TOOL_WAIT_MS' | 'MCP_ELICITATION_TIMEOUT_MS'>,
  ) {}

  /** Answers all calls with the resource of their execution. The executions continue on other processes. */
  onModuleDestroy(): void {
    this.isClosing = true;
    for (const call of this.open) call.abort('late');
  }

  /**
   * Starts the execution of a call.
   * @returns the id of the execution, or the result of a call whose arguments do not fit the tool
   * @throws ProblemError 404 `not_found` if the principal has no such tool, and as `ExecutionStarter.start`, except for `input_invalid`
   */
  async start({ tool, args, idempotencyKey }: ToolCall, principal: Principal): Promise<string | ToolResult> {
    if (idempotencyKey !== undefined && typeof idempotencyKey !== 'string')
      throw new ValidationFailedError([
        { path: '_meta.cloutagent/idempotencyKey', message: 'must be a text' },
      ]);
    const key = checkIdempotencyKey(idempotencyKey);
    const found = await this.catalog.find(principal, tool);
    if (!found)
      throw new ProblemError(
        'not_found',
        `You have no tool ${tool}. tools/list lists the tools that you can call.`,
      );
    const { projectId, name, version } = found;
    const request = { projectId, input: args, workflowRef: `${name}@${version}`, tags: [] };
    try {
      return (await this.starter.start(request, principal, key)).execution.id;
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'input_invalid')
        return refusedResult(itemProblem(error));
      throw error;
    }
  }

  /**
   * Follows an execution until it ends, until it waits for an answer that the client is not asked for, or until the call stops.
   * @param after only later events are sent to the client
   * @param answered ids of waits whose answers have just been recorded, and whose ends the journal may not have yet
   * @throws NotFoundError if the execution does not exist or is not the principal's
   */
  async follow(
    executionId: string,
    principal: Principal,
    client: CallClient,
    { after = 0, answered = NONE }: { after?: number; answered?: ReadonlySet<string> } = {},
  ): Promise<CallOutcome> {
    const stop = new AbortController();
    const onLeft = () => stop.abort(client.signal.reason);
    client.signal.addEventListener('abort', onLeft, { once: true });
    this.open.add(stop);
    const deadline = new Deadline(() => stop.abort('late'));
    try {
      if (client.signal.aborted) onLeft();
      if (this.isClosing) stop.abort('late');
      deadline.set(this.settings.MCP_TOOL_WAIT_MS);
      return await this.followUntil(stop, deadline, { executionId, principal, client, after, answered });
    } finally {
      deadline.clear();
      this.open.delete(stop);
      client.signal.removeEventListener('abort', onLeft);
    }
  }

  /** @throws NotFoundError if the execution does not exist or is not the principal's */
  async check(executionId: string, principal: Principal): Promise<void> {
    await this.executions.find(executionId, principal);
  }

  /**
   * Cancels the execution of a call that its client has cancelled. A principal without the scope executions:control may not: its
   * execution continues.
   */
  async cancel(executionId: string, principal: Principal): Promise<void> {
    if (!principal.scopes.includes('executions:control')) return;
    try {
      await this.control.request(
        executionId,
        'cancel',
        principal,
        'The client of the tool call cancelled it.',
      );
    } catch (error) {
      // It has ended, or was deleted.
      if (!(error instanceof ProblemError))
        this.logger.error(`the execution ${executionId} of a cancelled call could not be cancelled`, error);
    }
  }

  private async followUntil(
    stop: AbortController,
    deadline: Deadline,
    call: {
      executionId: string;
      principal: Principal;
      client: CallClient;
      after: number;
      answered: ReadonlySet<string>;
    },
  ): Promise<CallOutcome> {
    const { executionId, principal, client, answered } = call;
    const now = await this.reader.read<McpState>(executionId, MCP_FORMAT, principal);
    // The result is sent again to a client that continues after it.
    const after = Math.min(call.after, now.hasEnded ? now.lastSequence - 1 : now.lastSequence);
    let { state } = now;
    let isAsked = false;
    /** Returns the outcome if the execution waits and the client is not asked. */
    const check = (): CallOutcome | undefined => {
      const waits =
        state.status === 'waiting' ? state.waits.filter(({ waitId }) => !answered.has(waitId)) : [];
      if (waits.length > 0 && !client.ask(waits)) return { kind: 'waiting', state, waits };
      if (waits.length > 0 !== isAsked) {
        isAsked = !isAsked;
        const { MCP_TOOL_WAIT_MS, MCP_ELICITATION_TIMEOUT_MS } = this.settings;
        deadline.set(isAsked ? MCP_ELICITATION_TIMEOUT_MS : MCP_TOOL_WAIT_MS);
      }
      return undefined;
    };
    if (after === now.lastSequence) {
      const outcome = check();
      if (outcome) return outcome;
    }
    const events = this.reader.follow<McpState>(executionId, MCP_FORMAT, principal, stop.signal, after);
    try {
      for await (const { frames, sequence, state: next } of events) {
        state = next;
        for (const { data } of frames) {
          const result = resultIn(data);
          if (result) return { kind: 'result', result };
          await client.progress(data as ProgressNotification, sequence);
        }
        // Waits of the past may have been answered since.
        const outcome = sequence < now.lastSequence ? undefined : check();
        if (outcome) return outcome;
        if (stop.signal.aborted) break;
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
    // The server stops, or the execution was deleted.
    if (!stop.signal.aborted) await this.check(executionId, principal);
    const reason = stop.signal.aborted ? (stop.signal.reason as StopReason) : 'late';
    return { kind: 'stopped', state, reason };
  }
}

const resultIn = (data: object | string): ToolResult | undefined =>
  typeof data === 'object' && 'result' in data ? (data as CallResponse).result : undefined;

/** A time limit that starts again. */
class Deadline {
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly onLate: () => void) {}

  set(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.onLate, ms);
  }

  clear(): void {
    clearTimeout(this.timer);
  }
}
