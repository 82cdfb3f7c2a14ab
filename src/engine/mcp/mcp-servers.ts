import { Inject, Injectable } from '@nestjs/common';
import type { LocalMcpServer, RemoteMcpServer } from '../../config/mcp-servers-setting.js';
import { Settings } from '../../config/settings.js';
import { messageOf } from '../../logging/error-info.js';
import { Logger } from '../../logging/logger.js';
import { ExecutionRedactors } from '../../secrets/execution-redactors.js';
import type { AgentRun } from '../extension/agent-run.js';
import { type ConfigProblem, NodeError, TransientError } from '../extension/node-handler.js';
import { isTemplate } from '../extension/template.js';
import { assertHeaders, urlProblems } from '../http/http-config.js';
import type { AgentTool, AgentToolCall, ToolApproval, ToolOutput } from '../tools/agent-tool.js';
import { toApproval } from '../tools/tool-approval-config.js';
import { LocalServers } from './local-servers.js';
import type { McpConfig, McpServerConfig } from './mcp-config.js';
import { inOneLine, type McpConnection } from './mcp-connection.js';
import { RemoteServers, type RemoteTarget } from './remote-servers.js';
import { type ListedTool, safeName, shown } from './tool-list.js';
import { toOutput } from './tool-results.js';

/** The tools of MCP servers that one attempt at an agent uses. */
export interface McpTools {
  readonly tools: readonly AgentTool[];
  /** Ends the connections. Called once, at the end of the attempt. */
  close(): Promise<void>;
}

type KnownServer = RemoteMcpServer | LocalMcpServer;
type Run = Pick<
  AgentRun<unknown>,
  'executionId' | 'projectId' | 'nodeId' | 'stepId' | 'reveal' | 'revealSetting'
>;

/** A server of one agent: its config, and what the operator has set for it. */
interface Source {
  readonly prefix: string;
  readonly config: McpServerConfig;
  readonly known: KnownServer | undefined;
}

/** Connects agents to MCP servers. */
@Injectable()
export class McpServers {
  private readonly logger = new Logger(McpServers.name);

  constructor(
    @Inject(Settings) private readonly settings: Settings,
    private readonly redactors: ExecutionRedactors,
    private readonly remote: RemoteServers,
    private readonly local: LocalServers,
  ) {}

  /** Checks the servers of a posted config. The paths begin inside the list. */
  problems(servers: McpConfig): ConfigProblem[] {
    const names = new Set<string>();
    return servers.flatMap(({ server, url, name = server }, index) => {
      const found: ConfigProblem[] = url === undefined ? [] : urlProblems(url, [index, 'url']);
      if (server !== undefined && !isTemplate(server) && !this.known(server))
        found.push({ path: [index, 'server'], message: this.unknownServer(server) });
      if (name !== undefined && names.has(name))
        found.push({
          path: [index],
          message: `is the second server with the name "${name}": give it another "name"`,
        });
      if (name !== undefined && !isTemplate(name)) names.add(name);
      return found;
    });
  }

  /**
   * Connects to the servers and lists their tools.
   * @throws TransientError `mcp_unavailable`; NodeError `invalid_config`, `tool_not_available`, `host_not_allowed`; the reason
   *   of `signal`
   */
  async open(servers: McpConfig, run: Run, signal: AbortSignal): Promise<McpTools> {
    const sources = this.sourcesOf(servers);
    const opened = await Promise.allSettled(sources.map((source) => this.openOne(source, run, signal)));
    const attempts = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const close = async () => {
      await Promise.all(attempts.map((attempt) => attempt.close()));
    };
    const failed = opened.find((each) => each.status === 'rejected');
    if (failed) {
      void close();
      signal.throwIfAborted();
      throw failed.reason;
    }
    return { tools: attempts.flatMap(({ tools }) => tools), close };
  }

  private sourcesOf(servers: McpConfig): Source[] {
    const taken = new Set<string>();
    return servers.map((config) => {
      const known = config.server === undefined ? undefined : this.known(config.server);
      if (config.server !== undefined && !known)
        throw new NodeError('invalid_config', this.unknownServer(config.server));
      const given = config.name ?? config.server;
      if (given !== undefined && taken.has(given))
        throw new NodeError(
          'invalid_config',
          `Two MCP servers have the name "${given}": give one another "name".`,
        );
      const prefix = given ?? unique(hostName(config.url!), taken);
      taken.add(prefix);
      return { prefix, config, known };
    });
  }

  private async openOne(source: Source, run: Run, signal: AbortSignal): Promise<McpTools> {
    const { prefix, config, known } = source;
    const link = this.linkOf(source, run);
    try {
      const listed = await link.tools((problem) => this.report(`${prefix}: ${problem}`, run), signal);
      const allowed = allowedTools(source);
      const kept = listed.filter(({ name }) => !allowed || allowed.has(name));
      if (kept.length > this.settings.MCP_MAX_TOOLS) throw new Error(tooMany(this.settings.MCP_MAX_TOOLS));
      const missing = config.tools?.find((name) => !kept.some((tool) => tool.name === name));
      if (missing !== undefined) throw this.missingTool(source, missing, listed, run);
      const approval = stricter(toApproval(known?.approval), toApproval(config.approval));
      const names = new Set<string>();
      const secrets = this.redactors.of(run.executionId);
      const tools = kept.flatMap((tool): AgentTool[] => {
        const name = `${prefix}/${safeName(secrets.text(tool.name))}`;
        if (names.has(name)) return [];
        names.add(name);
        const { description, inputSchema } = tool;
        const call = (request: AgentToolCall) => this.call({ source, link, name, tool, run }, request);
        return [{ name, description, inputSchema, approval, mayRepeat: config.retryUnsafe, call }];
      });
      return { tools, close: () => link.close() };
    } catch (error) {
      void link.close();
      signal.throwIfAborted();
      // An address that is not allowed stays so, and a missing tool is a mistake in the config.
      if (error instanceof NodeError && !(error instanceof TransientError) && PERMANENT.has(error.code))
        throw error;
      throw new TransientError(
        'mcp_unavailable',
        `The MCP server ${prefix} cannot be used: ${this.explained(error, run)}`,
        undefined,
        { cause: error },
      );
    }
  }

  private async call(
    { source: { prefix, config, known }, link, name, tool, run }: OpenTool,
    { args, idempotencyKey, signal }: AgentToolCall,
  ): Promise<ToolOutput> {
    if (typeof args !== 'object' || args === null || Array.isArray(args))
      return failure(`The arguments of ${name} must be an object.`);
    const { MCP_TIMEOUT_MS, MCP_TOTAL_TIMEOUT_MS: totalTimeoutMs } = this.settings;
    const timeoutMs = config.timeoutMs ?? known?.timeoutMs ?? MCP_TIMEOUT_MS;
    let connection: McpConnection;
    try {
      connection = await link.connection(signal);
    } catch (error) {
      signal.throwIfAborted();
      return failure(
        `This call was not sent, because the MCP server ${prefix} cannot be used: ${this.explained(error, run)}`,
      );
    }
    try {
      const limits = { timeoutMs, totalTimeoutMs, signal };
      const result = await connection.call(tool, args, idempotencyKey, limits);
      return toOutput(result, this.settings);
    } catch (error) {
      signal.throwIfAborted();
      return failure(`${name} has failed: ${this.explained(error, run)}`);
    }
  }

  private linkOf({ config, known }: Source, run: Run): ServerLink {
    const { MCP_CONNECT_TIMEOUT_MS: timeoutMs, MCP_MAX_TOOLS } = this.settings;
    if (known && 'command' in known) {
      const name = config.server!;
      // All agents share the list, so only the operator's choice of tools applies to it.
      const limits = { timeoutMs, maxTools: MAX_SHARED_TOOLS, allowed: known.tools && new Set(known.tools) };
      const never = new AbortController().signal;
      return {
        connection: (signal) => this.local.open(name, known, signal),
        tools: (onProblem, signal) =>
          this.local.tools(name, known, (connection) => connection.tools(limits, never, onProblem), signal),
        close: () => Promise.resolve(),
      };
    }
    const target: RemoteTarget = known
      ? {
          url: known.url,
          headers: known.headers ?? {},
          isTrusted: true,
          oauthOf: config.server,
          staysAtOrigin: false,
        }
      : {
          url: config.url!,
          headers: config.headers ?? {},
          isTrusted: false,
          oauthOf: undefined,
          staysAtOrigin: false,
        };
    const link = new RemoteLink(this.remote, target, run);
    const limits = { timeoutMs, maxTools: MCP_MAX_TOOLS, allowed: undefined };
    return {
      connection: (signal) => link.connection(signal),
      tools: async (onProblem, signal) =>
        (await link.connection(signal)).tools(
          { ...limits, allowed: allowedTools({ config, known }) },
          signal,
          onProblem,
        ),
      close: () => link.close(),
    };
  }

  private known(name: string): KnownServer | undefined {
    return Object.hasOwn(this.settings.MCP_SERVERS, name) ? this.settings.MCP_SERVERS[name] : undefined;
  }

  private unknownServer(name: string): string {
    const names = Object.keys(this.settings.MCP_SERVERS);
    return names.length === 0
      ? `there is no MCP server "${name}": the operator has set none in MCP_SERVERS. Use "url" for a server on the internet`
      : `there is no MCP server "${name}". The servers are: ${names.join(', ')}`;
  }

  /** Returns what an error says, without secrets, as a sentence. */
  private explained(error: unknown, { executionId }: Run): string {
    return sentence(inOneLine(this.redactors.of(executionId).text(messageOf(error))));
  }

  private missingTool(
    { prefix }: Source,
    missing: string,
    listed: readonly ListedTool[],
    { executionId }: Run,
  ): NodeError {
    const secrets = this.redactors.of(executionId);
    const names = listed.slice(0, 50).map(({ name }) => shown(secrets.text(name)));
    return new NodeError(
      'tool_not_available',
      `The MCP server ${prefix} has no tool ${shown(missing)} that this agent may use. ${names.length > 0 ? `Its tools are: ${names.join(', ')}` : 'Correct the name, or leave "tools" out to use all of its tools'}.`,
    );
  }

  private report(problem: string, { executionId, nodeId }: Run): void {
    const secrets = this.redactors.of(executionId);
    this.logger.debug(secrets.text(`MCP server ${problem} (execution ${executionId}, node ${nodeId})`));
  }
}

/** A tool of a server during one attempt. */
interface OpenTool {
  readonly source: Source;
  readonly link: ServerLink;
  /** Its full name. */
  readonly name: string;
  readonly tool: ListedTool;
  readonly run: Run;
}

/** A server during one attempt, whose connection is opened again if it has ended. */
interface ServerLink {
  connection(signal: AbortSignal): Promise<McpConnection>;
  tools(onProblem: (problem: string) => void, signal: AbortSignal): Promise<ListedTool[]>;
  close(): Promise<void>;
}

/** A server over HTTP has a connection for each attempt, so that no session is shared by two executions. */
class RemoteLink {
  private current: Promise<McpConnection> | undefined;
  private isClosed = false;

  constructor(
    private readonly servers: RemoteServers,
    private readonly target: RemoteTarget,
    private readonly run: Run,
  ) {}

  async connection(signal: AbortSignal): Promise<McpConnection> {
    const known = await this.current?.catch(() => undefined);
    if (known?.isOpen) return known;
    if (this.isClosed) throw new Error('the attempt has ended');
    this.current = this.open(signal);
    return this.current;
  }

  private async open(signal: AbortSignal): Promise<McpConnection> {
    const { target, run } = this;
    const { url, headers } = target;
    const given = { url, headers };
    const sent = target.isTrusted
      ? { url, headers: await run.revealSetting(headers, { url }) }
      : await run.reveal(given, { url });
    assertHeaders(sent.headers);
    return this.servers.open(
      { ...target, ...sent, staysAtOrigin: !target.isTrusted && sent !== given },
      signal,
    );
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const connection = await this.current?.catch(() => undefined);
    await connection?.close();
  }
}

const PERMANENT = new Set([
  'host_not_allowed',
  'invalid_config',
  'missing_value',
  'secret_not_allowed',
  'secrets_unavailable',
  'tool_not_available',
]);
const MAX_SHARED_TOOLS = 1_000;

const tooMany = (limit: number): string =>
  `it has more than ${limit} tools (MCP_MAX_TOOLS): name the ones that you need in "tools" of the server`;

/** The tools that both the operator and the agent allow; undefined: all. */
function allowedTools({ config, known }: Pick<Source, 'config' | 'known'>): ReadonlySet<string> | undefined {
  const lists = [known?.tools, config.tools].filter((list) => list !== undefined);
  if (lists.length === 0) return undefined;
  return new Set(lists[0]!.filter((name) => lists.every((list) => list.includes(name))));
}

/** An agent can tighten the approval of the operator to every call, and cannot loosen it. */
function stricter(ofOperator: ToolApproval | undefined, ofAgent: ToolApproval | undefined) {
  if (!ofOperator) return ofAgent;
  return ofAgent && ofAgent.when === undefined ? { ...ofOperator, when: undefined } : ofOperator;
}

const failure = (message: string): ToolOutput => ({ result: message, isError: true });
const sentence = (message: string): string => (/[.!?]$/.test(message) ? message : `${message}.`);

const hostName = (url: string): string =>
  (URL.parse(url)?.host ?? 'server').replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 60);

function unique(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  let number = 2;
  while (taken.has(`${name}_${number}`)) number += 1;
  return `${name}_${number}`;
}
