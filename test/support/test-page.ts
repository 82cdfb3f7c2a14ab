import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'";

const HTML = `<!doctype html>
<html lang="en"><head><title>Test page</title><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"></head>
<body><main id="root"></main><script type="module" src="/page.js"></script></body></html>`;

export interface PageOptions {
  production?: boolean;
  react?: 18 | 19;
}

/**
 * Serves a page with a strict content security policy, and proxies the API of the real server at the same origin. The
 * connections to the server can be cut and counted.
 */
export class TestPage {
  /** Number of streams that are open through the proxy. */
  openStreams = 0;
  /** Number of streams that were opened so far. */
  streamsOpened = 0;
  private readonly upstream = new Set<Socket>();
  private isCut = false;

  private constructor(
    private readonly server: Server,
    private readonly folder: string,
    private target: string,
  ) {}

  /**
   * @param entry source file of the page
   * @param production uses the production build of React
   * @param react major version of React
   */
  static async start(
    entry: string,
    target: string,
    { production = false, react = 19 }: PageOptions = {},
  ): Promise<TestPage> {
    const folder = await mkdtemp(join(tmpdir(), 'cloutagent-page-'));
    await run(process.execPath, ['test/support/bundle.mjs', entry, folder], {
      env: {
        PATH: process.env['PATH'],
        PAGE_MODE: production ? 'production' : 'development',
        PAGE_REACT: String(react),
      },
    });
    const server = createServer();
    const page = new TestPage(server, folder, target);
    server.on('request', (incoming, response) => void page.answer(incoming, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return page;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  /** Closes every connection to the server and refuses new ones. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.upstream) socket.resetAndDestroy();
  }

  /** Accepts connections again, optionally to another address of the server. */
  restore(target = this.target): void {
    this.target = target;
    this.isCut = false;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = incoming.url ?? '/';
    if (path.startsWith('/api/')) return this.proxy(incoming, response);
    response.setHeader('content-security-policy', CSP);
    const file = /^\/page\.(js|css)$/.exec(path);
    if (!file) return void response.setHeader('content-type', 'text/html').end(HTML);
    response.setHeader('content-type', file[1] === 'js' ? 'text/javascript' : 'text/css');
    response.end(await readFile(join(this.folder, path)));
  }

  private proxy(incoming: IncomingMessage, response: ServerResponse): void {
    if (this.isCut) return void incoming.socket.resetAndDestroy();
    const { method, headers } = incoming;
    const isStream = /\/stream(\?|$)/.test(incoming.url ?? '');
    if (isStream) {
      this.streamsOpened += 1;
      this.openStreams += 1;
      response.once('close', () => (this.openStreams -= 1));
    }
    const out = request(new URL(incoming.url ?? '/', this.target), { method, headers, agent: false });
    out.on('socket', (socket: Socket) => {
      this.upstream.add(socket);
      socket.once('close', () => this.upstream.delete(socket));
    });
    out.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    out.on('error', () => response.destroy());
    response.on('close', () => out.destroy());
    incoming.pipe(out);
  }
}
