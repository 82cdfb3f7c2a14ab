import { EVERYTHING, startEverything } from '../support/everything-server.js';
import { call, TestMcp } from '../support/mcp-servers.js';

describe('The server @modelcontextprotocol/server-everything', () => {
  let remote: Awaited<ReturnType<typeof startEverything>>;
  let mcp: TestMcp;

  beforeAll(async () => {
    remote = await startEverything();
    mcp = new TestMcp({
      MCP_TIMEOUT_MS: '2000',
      MCP_SERVERS: JSON.stringify({
        http: { url: remote.url },
        stdio: { command: process.execPath, args: [EVERYTHING, 'stdio'] },
      }),
    });
  });
  afterAll(async () => {
    await mcp.close();
    remote.process.kill();
  });

  describe.each(['http', 'stdio'])('over %s', (server) => {
    it('lists its tools with their schemas', async () => {
      const tools = await mcp.use({ server }, (listed) => Promise.resolve(listed));
      const echo = tools.find(({ name }) => name === `${server}/echo`)!;
      expect(echo).toMatchObject({
        description: expect.stringMatching(/echo/i),
        inputSchema: { type: 'object', properties: { message: { type: 'string' } } },
        mayRepeat: false,
        approval: undefined,
      });
      expect(tools.length).toBeGreaterThan(8);
    });

    it('answers with text', async () => {
      const output = await mcp.use({ server }, (tools) =>
        call(tools, `${server}/echo`, { message: 'hello' }),
      );
      expect(output).toEqual({ result: 'Echo: hello', isError: false });
      const sum = await mcp.use({ server }, (tools) => call(tools, `${server}/get-sum`, { a: 2, b: 40 }));
      expect(sum.result).toContain('42');
    });

    it('answers with an image, which the model gets as a file', async () => {
      const output = await mcp.use({ server }, (tools) => call(tools, `${server}/get-tiny-image`));
      expect(output.isError).toBe(false);
      expect(output.content).toContainEqual({
        type: 'file',
        mediaType: 'image/png',
        data: { type: 'data', data: expect.stringMatching(/^iVBOR/) },
      });
      expect(output.result).toContainEqual({
        type: 'image',
        mediaType: 'image/png',
        bytes: expect.any(Number),
      });
      expect(JSON.stringify(output.result)).not.toContain('iVBOR');
    });

    it('answers with structured content', async () => {
      const output = await mcp.use({ server }, (tools) =>
        call(tools, `${server}/get-structured-content`, { location: 'Chicago' }),
      );
      expect(output).toEqual({
        result: {
          temperature: expect.any(Number),
          conditions: expect.any(String),
          humidity: expect.any(Number),
        },
        isError: false,
      });
    });

    it('may take longer than the time limit while it reports progress', async () => {
      const output = await mcp.use({ server, timeoutMs: 800 }, (tools) =>
        call(tools, `${server}/trigger-long-running-operation`, { duration: 2, steps: 8 }),
      );
      expect(output).toEqual({ result: expect.stringContaining('completed'), isError: false });
    });

    it('ends a call that reports no progress', async () => {
      const output = await mcp.use({ server, timeoutMs: 300 }, (tools) =>
        call(tools, `${server}/trigger-long-running-operation`, { duration: 20, steps: 2 }),
      );
      expect(output).toEqual({ result: expect.stringContaining('300 ms'), isError: true });
    });

    it('answers with links to resources', async () => {
      const output = await mcp.use({ server }, (tools) =>
        call(tools, `${server}/get-resource-links`, { count: 2 }),
      );
      expect(output.result).toMatch(/Link to the resource .*: demo:\/\//);
    });

    it('answers with an embedded resource', async () => {
      const output = await mcp.use({ server }, (tools) =>
        call(tools, `${server}/get-resource-reference`, { resourceType: 'Text', resourceId: 1 }),
      );
      expect(output.result).toContain('demo://resource');
    });

    it('makes wrong arguments an error that the model reads', async () => {
      const output = await mcp.use({ server }, (tools) => call(tools, `${server}/get-sum`, { a: 'two' }));
      expect(output).toEqual({ result: expect.stringMatching(/number/i), isError: true });
    });

    it('gives only the tools that the agent names, under its name', async () => {
      const tools = await mcp.use({ server, name: 'mine', tools: ['echo'] }, (listed) =>
        Promise.resolve(listed),
      );
      expect(tools.map(({ name }) => name)).toEqual(['mine/echo']);
      await expect(mcp.use({ server, tools: ['nothing'] }, () => Promise.resolve())).rejects.toMatchObject({
        code: 'tool_not_available',
        message: expect.stringContaining('"nothing"'),
      });
    });

    it('serves many attempts at once', async () => {
      const outputs = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          mcp.use({ server }, (tools) => call(tools, `${server}/echo`, { message: `number ${index}` })),
        ),
      );
      expect(outputs.map(({ result }) => result)).toEqual(
        Array.from({ length: 10 }, (_, index) => `Echo: number ${index}`),
      );
    });
  });

  it('does not give a child the environment of this server', async () => {
    process.env['CLOUTAGENT_TEST_SECRET'] = 'very-secret-value';
    const output = await mcp.use({ server: 'stdio' }, (tools) => call(tools, 'stdio/get-env'));
    delete process.env['CLOUTAGENT_TEST_SECRET'];
    expect(output.result).toContain('PATH');
    expect(JSON.stringify(output.result)).not.toContain('very-secret-value');
  });
});
