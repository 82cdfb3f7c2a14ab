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
 * A page under a strict content security policy, and the API beside it at the same origin, passed on from the real
 * server. The way to the server can be cut and counted.
 */
export class TestPage {
  /** Streams open through the page's server right now. */
  openStreams = 0;
  /** Streams ever opened. */
  streamsOpened = 0;
  private readonly upstream = new Set<Socket>();
  private isCut = false;

  private constructor(
    private readonly server: Server,
    private readonly folder: string,
    private target: string,
  ) {}

  /**
   * @param entry source of the page
   * @param production takes React as users get it
   * @param react version of React
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

  /** Ends every connection to the server and lets no new one through. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.upstream) socket.resetAndDestroy();
  }

  /** Lets connections through again, to another address of the server if it has one. */
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
    if (path.startsWith('/api/')) return this.pass(incoming, response);
    response.setHeader('content-security-policy', CSP);
    const file = /^\/page\.(js|css)$/.exec(path);
    if (!file) return void response.setHeader('content-type', 'text/html').end(HTML);
    response.setHeader('content-type', file[1] === 'js' ? 'text/javascript' : 'text/css');
    response.end(await readFile(join(this.folder, path)));
  }

  private pass(incoming: IncomingMessage, response: ServerResponse): void {
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
