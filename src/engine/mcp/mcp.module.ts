import { Module } from '@nestjs/common';
import { HttpModule } from '../http/http.module.js';
import { LocalServers } from './local-servers.js';
import { McpServers } from './mcp-servers.js';
import { RemoteServers } from './remote-servers.js';

/** The tools of MCP servers. */
@Module({
  imports: [HttpModule],
  providers: [McpServers, RemoteServers, LocalServers],
  exports: [McpServers],
})
export class McpModule {}
