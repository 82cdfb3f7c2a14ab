import { Module } from '@nestjs/common';
import { AuthModule } from '../../auth/auth.module.js';
import { EngineModule } from '../../engine/engine.module.js';
import { ExecutionsModule } from '../../executions/executions.module.js';
import { ProblemFormsModule } from '../../problems/problem-forms.module.js';
import { StreamQuotaModule } from '../../throttling/stream-quota.module.js';
import { WaitsModule } from '../../waits/waits.module.js';
import { CallPeers } from './call-peers.js';
import { ElicitedAnswers } from './elicited-answers.js';
import { ExecutionResources } from './execution-resources.js';
import { LegacyCalls } from './legacy-calls.js';
import { McpFormat } from './mcp-format.js';
import { McpRequests } from './mcp-requests.js';
import { McpServerFactory } from './mcp-server-factory.js';
import { McpController } from './mcp.controller.js';
import { ToolCalls } from './tool-calls.js';
import { ToolCatalog } from './tool-catalog.js';
import { ToolCatalogRepository } from './tool-catalog.repository.js';

/** Saved workflows as tools of an MCP server. */
@Module({
  imports: [AuthModule, EngineModule, ExecutionsModule, ProblemFormsModule, StreamQuotaModule, WaitsModule],
  controllers: [McpController],
  providers: [
    McpFormat,
    McpServerFactory,
    McpRequests,
    ToolCatalogRepository,
    ToolCatalog,
    ToolCalls,
    CallPeers,
    ElicitedAnswers,
    LegacyCalls,
    ExecutionResources,
  ],
})
export class McpServerModule {}
