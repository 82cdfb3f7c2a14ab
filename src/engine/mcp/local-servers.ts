import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { abortable } from '../../common/abortable.js';
import type { LocalMcpServer } from '../../config/mcp-servers-setting.js';
import { SecretRedactor } from '../../config/secret-redactor.js';
import { Settings } from '../../config/settings.js';
import { Logger } from '../../logging/logger.js';
import { McpConnection } from './mcp-connection.js';
import { StdioTransport } from './stdio-transport.js';
import type { ListedTool } from './tool-list.js';

/** A running child and what is known about it. */
interface Running {
  readonly connection: McpConnection;
  /** undefined: not read yet, or the server says that it has changed. */
  tools: Promise<ListedTool[]> | undefined;
}

/** The MCP servers of the operator that are child processes: one child for each, which all agents share. */
@Injectable()
export class LocalServers implements OnApplicationShutdown {
  private readonly logger = new Logger(LocalServers.name);
  private readonly running = new Map<string, Promise<Running>>();
  private isStopped = false;

  constructor(
    @Inject(Settings) private readonly settings: Settings,
    private readonly secrets: SecretRedactor,
  ) {}

  /**
   * Returns the connection to a server. Starts the child if it does not run.
   * @throws Error, whose message says what happened; the reason of `signal`
   */
  async open(name: string, server: LocalMcpServer, signal: AbortSignal): Promise<McpConnection> {
    return (await this.live(name, server, signal)).connection;
  }

  /** Lists all tools of a server. A server that says when its list changes is asked again only then. */
  async tools(
    name: string,
    server: LocalMcpServer,
    read: (connection: McpConnection) => Promise<ListedTool[]>,
    signal: AbortSignal,
  ): Promise<ListedTool[]> {
    const running = await this.live(name, server, signal);
    if (!running.connection.announcesChanges) return abortable(read(running.connection), signal);
    if (!running.tools) {
      const reading = read(running.connection);
      running.tools = reading;
      reading.catch(() => {
        if (running.tools === reading) running.tools = undefined;
      });
    }
    return abortable(running.tools, signal);
  }

  /** Ends all children. */
  async onApplicationShutdown(): Promise<void> {
    this.isStopped = true;
    const running = await Promise.allSettled(this.running.values());
    await Promise.all(
      running.flatMap((each) => (each.status === 'fulfilled' ? [each.value.connection.close()] : [])),
    );
  }

  private async live(name: string, server: LocalMcpServer, signal: AbortSignal): Promise<Running> {
    if (this.isStopped) throw new Error('this server is shutting down');
    let pending = this.running.get(name);
    const known = await pending?.catch(() => undefined);
    if (!pending || (known && !known.connection.isOpen)) {
      // Another agent may have started it meanwhile.
      const current = this.running.get(name);
      pending = current && current !== pending ? current : this.start(name, server);
    }
    return abortable(pending, signal);
  }

  private start(name: string, server: LocalMcpServer): Promise<Running> {
    const { MCP_CONNECT_TIMEOUT_MS, MCP_RESPONSE_MAX_BYTES: maxBytes } = this.settings;
    let running: Running | undefined;
    const onStderr = (line: string) => this.logger.debug(this.secrets.text(`MCP server ${name}: ${line}`));
    const starting = McpConnection.open(
      (fail) => {
        const transport = new StdioTransport(server, { maxBytes, shape: this.settings }, onStderr);
        transport.onFailure = fail;
        return Promise.resolve(transport);
      },
      MCP_CONNECT_TIMEOUT_MS,
      // All agents share the child, so none of them may stop its start.
      new AbortController().signal,
      () => {
        if (running) running.tools = undefined;
      },
    ).then((connection) => (running = { connection, tools: undefined }));
    this.running.set(name, starting);
    starting.catch(() => {
      if (this.running.get(name) === starting) this.running.delete(name);
    });
    return starting;
  }
}
