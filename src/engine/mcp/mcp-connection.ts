import type { CallToolResult, Client, Transport } from '@modelcontextprotocol/client';
import { abortable } from '../../common/abortable.js';
import { withTimeLimit } from '../../common/time-limit.js';
import { type ListedTool, type ListLimits, readTools, ToolPageSchema } from './tool-list.js';

/** More in a minute than any use of the protocol needs: a server that asks for more floods this one. */
const MAX_ANSWERS = 100;
const MINUTE_MS = 60_000;
const CLOSE_MS = 1_000;
/** For servers, JSON-RPC reserves -32000 to -32099. */
const NO_ANSWER = -32_099;
const STREAM_ENDED = 'it ended the stream of its answer without an answer';
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
    connection.watchSending();
    client.setNotificationHandler('notifications/tools/list_changed', () => onToolsChanged());
    try {
      const connected = withTimeLimit(
        Promise.race([client.connect(transport, { timeout: timeoutMs, signal }), connection.failed.promise]),
        timeoutMs,
        () => new Error(`it did not answer within ${timeoutMs} ms (MCP_CONNECT_TIMEOUT_MS)`),
      );
      connected.catch(() => undefined);
      await abortable(connected, signal);
      if (opening.failure) throw opening.failure;
      // While it connects, the client closes the connection itself, and its error says why.
      // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a client has no such method
      client.onclose = () => connection.fail(new Error('the connection has ended'));
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

  /** Whether the server says when its list of tools changes. Revision 2026-07-28 says so only on a stream of its own. */
  get announcesChanges(): boolean {
    const { tools } = this.client.getServerCapabilities() ?? {};
    return tools?.listChanged === true && this.client.getProtocolEra() === 'legacy';
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
        toolDefinition: tool,
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
    const first = Promise.race([work, this.failed.promise]);
    // If the signal has aborted already, nothing waits for it.
    first.catch(() => undefined);
    try {
      return await abortable(first, signal);
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

  /**
   * Each request of the server is answered, so a flood of them would make this server send a flood. Requests fail when the
   * stream of their answer ends.
   */
  private watchSending(): void {
    const { transport } = this;
    const send = transport.send.bind(transport);
    let answers = 0;
    let since = performance.now();
    transport.send = async (message, options) => {
      const isAnswer = 'result' in message || 'error' in message;
      if (isAnswer && performance.now() - since > MINUTE_MS) {
        // A child process lives long, and may ask now and then whether this side lives.
        since = performance.now();
        answers = 0;
      }
      if (isAnswer && (answers += 1) > MAX_ANSWERS) {
        this.fail(new Error(`it sent more than ${MAX_ANSWERS} requests of its own within a minute`));
        return;
      }
      const isRequest = 'method' in message && 'id' in message;
      if (!isRequest) return send(message, options);
      const { id } = message;
      // The client would wait until its time limit.
      const onRequestStreamEnd = () =>
        transport.onmessage?.({ jsonrpc: '2.0', id, error: { code: NO_ANSWER, message: STREAM_ENDED } });
      return send(message, { onRequestStreamEnd, ...options });
    };
  }
}

/** Puts an error in plain words. It may quote what the server sent: pass its message to `inOneLine` once it is redacted. */
function described(error: unknown): Error {
  const { message, code, data } = error as {
    message?: unknown;
    code?: unknown;
    data?: ErrorData | undefined;
  };
  const { timeout, maxTotalTimeout, status } = data ?? {};
  const given = typeof message === 'string' && message !== '' ? message : 'it failed without a message';
  let plain = given;
  if (code === 'REQUEST_TIMEOUT') plain = `it did not answer within ${maxTotalTimeout ?? timeout ?? 0} ms`;
  else if (typeof status === 'number') plain = `it answered with the HTTP status ${status}: ${plain}`;
  return new Error(plain.toWellFormed(), { cause: error });
}

/** Makes one line of the message of an error, and shortens it. Redact it first: a value that is cut in two is not recognised. */
export function inOneLine(message: string): string {
  const plain = message.replaceAll(/\s+/g, ' ').replace(/[.:\s]+$/, '');
  return plain.length > MAX_MESSAGE ? `${plain.slice(0, MAX_MESSAGE)}…`.toWellFormed() : plain;
}

/** What the errors of the client say in `data`. */
interface ErrorData {
  readonly timeout?: number;
  readonly maxTotalTimeout?: number;
  readonly status?: unknown;
}
