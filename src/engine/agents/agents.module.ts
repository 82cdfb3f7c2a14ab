import { Module } from '@nestjs/common';
import { HttpModule } from '../http/http.module.js';
import { McpModule } from '../mcp/mcp.module.js';
import { ModelsModule } from '../models/models.module.js';
import { NodesModule } from '../nodes/nodes.module.js';
import { ToolsModule } from '../tools/tools.module.js';
import { AgentLoop } from './agent-loop.js';
import { AgentNode } from './agent.node.js';
import { ConfigChecks } from './config-checks.js';
import { MessageFiles } from './message-files.js';
import { ModelCall } from './model-call.js';
import { OutputFormats } from './output-formats.js';
import { SubagentNode } from './subagent.node.js';

/** The nodes that call models. */
@Module({
  imports: [ModelsModule, HttpModule, ToolsModule, NodesModule, McpModule],
  providers: [AgentLoop, AgentNode, ConfigChecks, MessageFiles, ModelCall, OutputFormats, SubagentNode],
  exports: [NodesModule],
})
export class AgentsModule {}
