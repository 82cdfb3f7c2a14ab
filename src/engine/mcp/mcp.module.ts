import { Module } from '@nestjs/common';
import { HttpModule } from '../http/http.module.js';
import { McpServers } from './mcp-servers.js';

/** The tools of MCP servers. */
@Module({ imports: [HttpModule], providers: [McpServers], exports: [McpServers] })
export class McpModule {}
