import { join } from 'node:path';
import { call, TestMcp } from '../support/mcp-servers.js';
import { startModernServer } from '../support/modern-mcp-server.js';

describe('An MCP server that speaks only revision 2026-07-28', () => {
  let remote: Awaited<ReturnType<typeof startModernServer>>;
  let mcp: TestMcp;

  beforeAll(async () => {
    remote = await startModernServer();
    const script = join(import.meta.dirname, '../support/modern-mcp-server.ts');
    mcp = new TestMcp({
      MCP_TIMEOUT_MS: '3000',
      MCP_SERVERS: JSON.stringify({
        http: { url: remote.url },
        stdio: { command: process.execPath, args: [script, 'stdio'] },
      }),
    });
  });
  afterAll(async () => {
    await mcp.close();
    await remote.close();
  });

  it.each(['http', 'stdio'])('gets the key of the call over %s', async (server) => {
    const output = await mcp.use({ server }, (tools) => call(tools, `${server}/key`));
    expect(output).toEqual({ result: 'key-1', isError: false });
  });

  it.each(['http', 'stdio'])('cannot ask the user over %s: the model reads an error', async (server) => {
    const output = await mcp.use({ server }, (tools) => call(tools, `${server}/ask`));
    expect(output).toEqual({ result: expect.stringMatching(/input|capabilit/i), isError: true });
  });

  it('gets the headers that the revision demands', async () => {
    const output = await mcp.use({ server: 'http' }, (tools) =>
      call(tools, 'http/regional', { region: 'eu' }),
    );
    expect(output).toEqual({ result: 'in eu', isError: false });
    expect(remote.requests.at(-1)).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'regional',
      'mcp-param-region': 'eu',
    });
  });
});
