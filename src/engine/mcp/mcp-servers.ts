import { Injectable } from '@nestjs/common';
import { type ConfigProblem, NodeError, type NodeRun } from '../extension/node-handler.js';
import type { AgentTool } from '../tools/agent-tool.js';
import type { McpConfig } from './mcp-config.js';

/** The tools of MCP servers that one attempt at an agent uses. */
export interface McpTools {
  readonly tools: readonly AgentTool[];
  /** Ends the connections. Called once, at the end of the attempt. */
  close(): Promise<void>;
}

/** Connects agents to MCP servers. */
@Injectable()
export class McpServers {
  /** Checks the servers of a posted config. The paths begin inside the list. */
  problems(_servers: McpConfig): ConfigProblem[] {
    return [];
  }

  /**
   * Connects to the servers and lists their tools.
   * @throws TransientError `mcp_unavailable`; NodeError; the reason of `signal`
   */
  open(
    _servers: McpConfig,
    _run: Pick<NodeRun<unknown>, 'executionId' | 'projectId' | 'nodeId' | 'stepId'>,
    _signal: AbortSignal,
  ): Promise<McpTools> {
    return Promise.reject(new NodeError('mcp_unavailable', 'not built yet'));
  }
}
