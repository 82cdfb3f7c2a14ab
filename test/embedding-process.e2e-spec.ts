import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { HostProcess } from './support/host-process.js';
import { ADMIN_KEY, createDatabase } from './support/server.js';
import { start, Watch } from './support/watch.js';

/** A host that fails in the ways that its routes say, and a node type that does. */
const HOST = `
  @NodeHandler('stray')
  class StrayNode {
    config = z.strictObject({});
    async run() {
      void Promise.reject(new Error('a stray rejection of a node'));
      await new Promise(() => undefined);
    }
  }

  @Controller()
  class FailuresController {
    constructor(private readonly starter: ExecutionStarter) {}

    @Get('ok')
    ok() { return typeof this.starter.start; }

    @Get('reject')
    reject() { setImmediate(() => void Promise.reject(new Error('a stray rejection of the host'))); return 'soon'; }

    @Get('throw')
    fail() { setImmediate(() => { throw new Error('a stray error of the host'); }); return 'soon'; }
  }

  const server = (path: string, url: string, isGlobal: boolean) =>
    ExecutionsModule.forRoot({
      path, isGlobal, settings: { DATABASE_URL: url, BOOTSTRAP_API_KEY: process.env.BOOTSTRAP_API_KEY },
    });

  @Module({
    imports: [server('one', process.env.ONE!, true), server('two', process.env.TWO!, false)],
    controllers: [FailuresController],
    providers: [StrayNode],
  })
  class HostModule {}

  async function main() {
    if (process.env.LISTENS === 'true') {
      process.on('unhandledRejection', (error) => console.log('the host has seen: ' + (error as Error).message));
      process.on('uncaughtException', (error) => console.log('the host has seen: ' + error.message));
    }
    const app = await NestFactory.create(HostModule);
    app.enableShutdownHooks();
    await app.listen(0, '127.0.0.1');
    console.log(\`listens on \${await app.getUrl()};\`);
  }
  void main();
`;

/** Routes of the host that fail, and with what. */
const ERRORS = [
  ['reject', 'a stray rejection of the host'],
  ['throw', 'a stray error of the host'],
] as const;

async function startHost(more: Record<string, string> = {}): Promise<HostProcess> {
  return HostProcess.start(HOST, { ONE: await createDatabase(), TWO: await createDatabase(), ...more });
}

/** Waits until the process has printed a text. */
async function printed({ server }: HostProcess, text: string): Promise<void> {
  while (!server.output().includes(text)) {
    if (server.process.exitCode !== null) throw new Error(`the host has ended:\n${server.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('a host in CommonJS with two servers, in a process of its own', () => {
  it('logs where the servers answer, and ends at SIGTERM with its streams', async () => {
    const host = await startHost();
    try {
      expect((await host.server.call('GET', '/ok')).text).toBe('function');
      const log = stripVTControlCharacters(host.server.output());
      for (const path of ['one', 'two']) {
        expect((await host.server.call('GET', `/${path}/api/executions`)).status).toBe(200);
        expect(log).toContain(`LOG [ExecutionsModule] CloutAgent Executions answers under /${path}`);
      }
      expect(log).not.toContain(ADMIN_KEY);

      const approval = start([{ id: 'a', type: 'approval' }]);
      const { body } = await host.server.call('POST', '/one/api/executions', approval);
      const watch = new Watch(host.server.url, `/one/api/executions/${body.id}/stream`);
      await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:step'));
      const ended = once(host.server.process, 'exit');
      host.server.process.kill('SIGTERM');
      await watch.done();
      expect(watch.endsWithRetry).toBe(true);
      expect((await ended)[1]).toBe('SIGTERM');
    } finally {
      await host.remove();
    }
  });

  it("leaves errors of the host to the host's own listeners, and those of a node to its execution", async () => {
    const host = await startHost({ LISTENS: 'true' });
    try {
      for (const [path, message] of ERRORS) {
        await host.server.call('GET', `/${path}`);
        await printed(host, `the host has seen: ${message}`);
      }
      const body = start([{ id: 'a', type: 'stray', data: { config: {} } }]);
      const { body: started } = await host.server.call('POST', '/two/api/executions', body);
      const watch = new Watch(host.server.url, `/two/api/executions/${started.id}/stream`);
      await watch.done();
      expect(watch.frames.at(-1)).toMatchObject({ type: 'execution:failed' });
      expect((await host.server.call('GET', '/ok')).status).toBe(200);
      expect(host.server.output()).not.toContain('no code');
    } finally {
      await host.remove();
    }
  });

  it.each(ERRORS)('ends as it would without servers at an error of the host: %s', async (path, message) => {
    const host = await startHost();
    try {
      const ended = once(host.server.process, 'exit');
      await host.server.call('GET', `/${path}`);
      expect((await ended)[0]).toBe(1);
      const output = host.server.output();
      // What Node itself prints, and nothing by the servers.
      expect(output).toMatch(new RegExp(`\n\\s*\\^\n\nError: ${message}\n`));
      expect(output).toContain('Node.js v');
      expect(output).not.toContain('no code');
    } finally {
      await host.remove();
    }
  });
});
