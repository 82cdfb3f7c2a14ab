import type { CallToolResult, Client, Transport } from '@modelcontextprotocol/client';
import { abortable } from '../../common/abortable.js';
import { withTimeLimit } from '../../common/time-limit.js';
import { type ListedTool, type ListLimits, readTools, ToolPageSchema } from './tool-list.js';

/** More than any use of the protocol needs: a server that asks for more floods this one. */
const MAX_ANSWERS = 100;
const CLOSE_MS = 1_000;
const MAX_MESSAGE = 1_000;

export interface CallLimits {
  /** Limit until the next sign of progress. */
  readonly timeoutMs: number;
  /** Limit for the whole call, whatever the progress. */
  readonly totalTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** A server over Streamable HTTP may have a session, which the client ends. */
interface SessionTransport extends Transport {
  terminateSession?(): Promise<void>;
}

/** One connection to an MCP server. It knows why it ended. */
export class McpConnection {
  private failure: Error | undefined;
  private isClosed = false;

  private constructor(
    private readonly client: Client,
    private readonly transport: SessionTransport,
  ) {}

  /**
   * Connects: with revision 2026-07-28 of the protocol, or with an older one if the server does not know it.
   * @param makeTransport gets what to do when the transport finds a fault that ends the connection
   * @param onToolsChanged is called when the server says that its list of tools has changed
   * @throws Error, whose message says what happened; the reason of `signal`
   */
  static async open(
    makeTransport: (fail: (error: Error) => void) => Promise<SessionTransport>,
    timeoutMs: number,
    signal: AbortSignal,
    onToolsChanged: () => void = () => undefined,
  ): Promise<McpConnection> {
    // The package is large, and most servers use no MCP.
    const { Client: McpClient } = await import('@modelcontextprotocol/client');
    const client = new McpClient(
      { name: 'cloutagent', version: '0.1.0' },
      {
        capabilities: {},
        versionNegotiation: { mode: 'auto', probe: { timeoutMs: Math.ceil(timeoutMs / 3) } },
        // A server that asks the user for something gets a refusal, and its call fails with a text.
        inputRequired: { autoFulfill: false },
        // The schemas of a foreign server, and its regular expressions, never run here.
        jsonSchemaValidator: {
          getValidator: () => (input) => ({ valid: true, data: input as never, errorMessage: undefined }),
        },
      },
    );
    const opening: { connection?: McpConnection; failure?: Error } = {};
    const transport = await makeTransport((error) => {
      opening.failure ??= error;
      opening.connection?.fail(error);
    });
    const connection = new McpConnection(client, transport);
    opening.connection = connection;
    connection.limitAnswers();
    client.onerror = () => undefined;
    client.onclose = () => connection.fail(new Error('the connection has ended'));
    client.setNotificationHandler('notifications/tools/list_changed', () => onToolsChanged());
    try {
      const connected = client.connect(transport, { timeout: timeoutMs, signal });
      connected.catch(() => undefined);
      await abortable(
        withTimeLimit(
          Promise.race([connected, connection.failed.promise]),
          timeoutMs,
          () => new Error(`it did not answer within ${timeoutMs} ms (MCP_CONNECT_TIMEOUT_MS)`),
        ),
        signal,
      );
      if (opening.failure) throw opening.failure;
      return connection;
    } catch (error) {
      void connection.close();
      signal.throwIfAborted();
      throw described(opening.failure ?? error);
    }
  }

  /** Rejects when the connection fails. */
  private readonly failed = Promise.withResolvers<never>();

  /** Whether calls can be sent. */
  get isOpen(): boolean {
    return !this.isClosed && !this.failure;
  }

  /**
   * Lists the tools.
   * @throws Error, whose message says what is wrong; the reason of `signal`
   */
  tools(
    limits: ListLimits & { readonly timeoutMs: number },
    signal: AbortSignal,
    onProblem: (problem: string) => void,
  ): Promise<ListedTool[]> {
    const { timeoutMs: timeout } = limits;
    const page = (cursor: string | undefined) =>
      this.client.request(
        { method: 'tools/list', ...(cursor !== undefined && { params: { cursor } }) },
        ToolPageSchema,
        { timeout, signal },
      );
    const message = `it did not list its tools within ${timeout} ms (MCP_CONNECT_TIMEOUT_MS)`;
    return this.untilFailed(
      withTimeLimit(readTools(page, limits, onProblem), timeout, () => new Error(message)),
      signal,
    );
  }

  /**
   * Calls a tool.
   * @throws Error, whose message says what happened; the reason of `signal`
   */
  call(
    tool: ListedTool,
    args: Record<string, unknown>,
    idempotencyKey: string,
    { timeoutMs, totalTimeoutMs, signal }: CallLimits,
  ): Promise<CallToolResult> {
    const maxTotalTimeout = Math.max(timeoutMs, totalTimeoutMs);
    const result = this.client.callTool(
      { name: tool.name, arguments: args, _meta: { 'cloutagent/idempotencyKey': idempotencyKey } },
      {
        signal,
        timeout: timeoutMs,
        maxTotalTimeout,
        resetTimeoutOnProgress: true,
        onprogress: () => undefined,
        toolDefinition: tool as never,
      },
    );
    result.catch(() => undefined);
    const limit = () => new Error(`it did not answer within ${maxTotalTimeout} ms`);
    return this.untilFailed(withTimeLimit(result, maxTotalTimeout + CLOSE_MS, limit), signal);
  }

  /** Ends the session and the connection; takes a short time at most. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    const { transport } = this;
    const ended = async () => {
      if (!this.failure && transport.sessionId !== undefined) await transport.terminateSession?.();
    };
    await withTimeLimit(ended(), CLOSE_MS, () => new Error('late')).catch(() => undefined);
    await this.client.close().catch(() => undefined);
    await transport.close().catch(() => undefined);
  }

  private async untilFailed<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    work.catch(() => undefined);
    try {
      return await abortable(Promise.race([work, this.failed.promise]), signal);
    } catch (error) {
      signal.throwIfAborted();
      throw described(this.failure ?? error);
    }
  }

  /** Ends the connection, because the server did something from which it does not recover. */
  private fail(error: Error): void {
    if (this.isClosed || this.failure) return;
    this.failure = error;
    this.failed.promise.catch(() => undefined);
    this.failed.reject(error);
    void this.client.close().catch(() => undefined);
  }

  /** Each request of the server is answered, so a flood of them would make this server send a flood. */
  private limitAnswers(): void {
    const { transport } = this;
    const send = transport.send.bind(transport);
    let answers = 0;
    transport.send = async (message, options) => {
      const isAnswer = 'result' in message || 'error' in message;
      if (isAnswer && (answers += 1) > MAX_ANSWERS) {
        this.fail(new Error(`it sent more than ${MAX_ANSWERS} requests of its own`));
        return;
      }
      await send(message, options);
    };
  }
}

/** Shortens the message of an error, because it may quote what the server sent, and puts it in plain words. */
function described(error: unknown): Error {
  const { message, code, data } = error as { message?: unknown; code?: unknown; data?: { status?: unknown } };
  const given = typeof message === 'string' && message !== '' ? message : 'it failed without a message';
  if (code === 'REQUEST_TIMEOUT') {
    const { timeout, maxTotalTimeout } = (data ?? {}) as { timeout?: unknown; maxTotalTimeout?: unknown };
    const limit = maxTotalTimeout ?? timeout;
    return new Error(`it did not answer within ${typeof limit === 'number' ? limit : 'its'} ms`, {
      cause: error,
    });
  }
  const short = given.length > MAX_MESSAGE ? `${given.slice(0, MAX_MESSAGE)}…` : given;
  return new Error(short.toWellFormed().replace(/\.$/, ''), { cause: error });
}
