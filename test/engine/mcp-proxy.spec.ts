import { once } from 'node:events';
import { createServer, request as send, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { HostileMcpServer } from '../support/hostile-mcp-server.js';
import { call, TestMcp } from '../support/mcp-servers.js';

let server: HostileMcpServer;
let proxy: Server;
let mcp: TestMcp;
/** The hosts that clients asked the proxy for, and their credentials. */
const asked: (string | undefined)[][] = [];

beforeAll(async () => {
  server = await HostileMcpServer.start();
  const port = Number(new URL(server.url).port);
  // A proxy for which every host is the server.
  proxy = createServer((incoming, answer) => {
    asked.push([incoming.headers.host, incoming.headers['proxy-authorization']]);
    const { method, url, headers } = incoming;
    const path = new URL(url!, 'http://any').pathname;
    const passed = send({ port, method, path, headers }, (response) => {
      answer.writeHead(response.statusCode!, response.headers);
      response.pipe(answer);
    });
    incoming.pipe(passed);
  });
  proxy.on('connect', (incoming, socket) => {
    asked.push([incoming.url, incoming.headers['proxy-authorization']]);
    const target = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
    socket.on('error', () => target.destroy()).pipe(target);
    target.on('error', () => socket.destroy()).pipe(socket);
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  mcp = new TestMcp({
    HTTP_PROXY: `http://user:password-of-proxy@127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    NO_PROXY: 'direct.invalid',
    MCP_SERVERS: JSON.stringify({
      far: { url: 'http://mcp.invalid/mcp' },
      near: { url: server.url },
      direct: { url: 'http://direct.invalid/mcp' },
    }),
  });
});
afterAll(async () => {
  await mcp.close();
  proxy.closeAllConnections();
  proxy.close();
  await server.close();
});
beforeEach(() => asked.splice(0));

const run = (name: string) => mcp.use({ server: name }, (tools) => call(tools, `${name}/act`));

it('reaches a named server through the proxy', async () => {
  expect(await run('far')).toEqual({ result: 'fine', isError: false });
  expect(asked[0]![0]).toMatch(/^mcp\.invalid(:80)?$/);
  expect(asked[0]![1]).toBe(`Basic ${Buffer.from('user:password-of-proxy').toString('base64')}`);
});

it('reaches this machine, and the hosts of NO_PROXY, without it', async () => {
  expect(await run('near')).toEqual({ result: 'fine', isError: false });
  await expect(run('direct')).rejects.toMatchObject({ code: 'mcp_unavailable' });
  expect(asked).toEqual([]);
});

it('does not send what an author of agents names through the proxy', async () => {
  await expect(
    mcp.use({ url: 'http://mcp.invalid/mcp', name: 'any' }, () => Promise.resolve()),
  ).rejects.toMatchObject({ code: 'mcp_unavailable' });
  expect(asked).toEqual([]);
});
