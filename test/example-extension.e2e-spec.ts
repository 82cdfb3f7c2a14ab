import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startFakeHttpServer } from './support/fake-http-server.js';
import { inShell, installCommand, packPackages, shellEnv } from './support/packed-packages.js';
import { createDatabase, Server } from './support/server.js';
import { start, Watch } from './support/watch.js';

const EXAMPLE = join(import.meta.dirname, '../examples/extension');
/** The files that each hold one extension. */
const EXTENSION = /\.(node|tools|models|listener|strategy|interceptor|controller)\.ts$/;
const MAX_LINES = 29;
const ANN = { authorization: '', 'x-client-cert-subject': 'CN=ann,O=Example' };

/** The project of another team, with the packed packages, outside of this repository. */
describe('examples/extension', () => {
  let folder: string;
  let project: string;
  let temporary: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloutagent-example-'));
    // PostgreSQL runs as another user if this is root. It has to enter this folder, but not the project.
    await chmod(folder, 0o755);
    temporary = join(folder, 'tmp');
    await mkdir(temporary);
    project = join(folder, 'project');
    await mkdir(project, { mode: 0o700 });
    await cp(EXAMPLE, project, {
      recursive: true,
      filter: (path) => !/[/\\](node_modules|dist|\.data|\.env)$/.test(path),
    });
    await inShell(installCommand(await packPackages(folder)), project);
  }, 300_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The command lines of processes that the project has left. */
  const processesOfProject = async (): Promise<string[]> => {
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'args=']);
    return stdout.split('\n').filter((line) => line.includes(folder));
  };

  it('has one extension of each kind, each in a file of less than 30 lines', async () => {
    const files = (await readdir(join(EXAMPLE, 'src'))).filter((name) => EXTENSION.test(name));
    expect(files.toSorted()).toEqual([
      'card-redaction.interceptor.ts',
      'customer.tools.ts',
      'customers.controller.ts',
      'failures.listener.ts',
      'find-customer.node.ts',
      'gateway.models.ts',
      'mtls.strategy.ts',
      'webhook.listener.ts',
    ]);
    const readme = await readFile(join(EXAMPLE, 'README.md'), 'utf8');
    for (const file of files) {
      const lines = (await readFile(join(EXAMPLE, 'src', file), 'utf8')).trimEnd().split('\n');
      expect([file, lines.length <= MAX_LINES, readme.includes(`\`${file}\``)]).toEqual([file, true, true]);
    }
  });

  it('passes its own build and tests, which leave no process and no data', async () => {
    await inShell('npm run build', project);
    const printed = await inShell('npm test', project, { ...shellEnv(), TMPDIR: temporary });
    expect(/^ℹ pass (\d+)$/m.exec(printed)?.[1]).toBe('14');
    expect(printed).toMatch(/^ℹ fail 0$/m);
    expect((await readdir(temporary)).filter((name) => name.startsWith('cloutagent'))).toEqual([]);
    expect(await processesOfProject()).toEqual([]);
  }, 300_000);

  it('runs as a server whose extensions work together', async () => {
    const delivered = Promise.withResolvers<void>();
    const webhook = await startFakeHttpServer((_request, response) => {
      response.writeHead(204).end();
      delivered.resolve();
    });
    const settings = {
      HOME: process.env['HOME']!,
      DATABASE_URL: await createDatabase(),
      TEAM_WEBHOOK_URL: `${webhook.url}/ended`,
      TEAM_GATEWAY_URL: 'http://127.0.0.1:9/v1',
      TEAM_GATEWAY_KEY: 'the-key-of-the-gateway',
      TEAM_PROXY_ADDRESS: '127.0.0.1',
    };
    const server = await Server.start(settings, ['npm', 'start'], { cwd: project, detached: true });
    try {
      const id = await use(server);
      await delivered.promise;
      const [request] = webhook.requests;
      const event = JSON.parse(request!.body) as { executionId: string; sequence: number; type: string };
      expect(event).toMatchObject({ executionId: id, type: 'execution:completed' });
      expect([request!.method, request!.path]).toEqual(['POST', '/ended']);
      expect(request!.headers['idempotency-key']).toBe(`${id}:${event.sequence}`);
      expect(request!.body).toContain('[card]');
    } finally {
      await stopGroup(server.process.pid!);
      await webhook.close();
    }
    expect(await processesOfProject()).toEqual([]);
  }, 300_000);

  /** Runs the team's node as the owner of a certificate, and calls the team's controller. Returns the execution's id. */
  async function use(server: Server): Promise<string> {
    const node = { id: 'a', type: 'find-customer', data: { config: { email: '{{input}}' } } };
    const request = start([node], [], { input: 'ada@example.com' });
    const started = await server.call('POST', '/api/executions', request, ANN);
    expect(started.status).toBe(202);
    const { id } = started.body;
    expect((await server.call('GET', '/api/me', undefined, ANN)).body.id).toBe('mtls:CN=ann,O=Example');
    const eve = { ...ANN, 'x-client-cert-subject': 'CN=eve' };
    expect((await server.call('GET', '/api/me', undefined, eve)).status).toBe(401);

    const { frames } = await new Watch(server.url, `/api/executions/${id}/stream`).done();
    expect(frames.at(-1)!.data.result.output).toEqual({
      email: 'ada@example.com',
      name: 'Ada Lovelace',
      card: '[card]',
    });
    expect((await server.call('GET', `/api/executions/${id}`)).text).not.toContain('4111 1111');

    const customers = async (projectId: string, headers: Record<string, string>) =>
      (await server.call('GET', `/api/customers/${projectId}`, undefined, headers)).status;
    const reader = { name: 'reader', projects: ['demo'], scopes: ['executions:read'] };
    const { key } = (await server.call('POST', '/api/keys', reader)).body;
    expect(await customers('demo', ANN)).toBe(200);
    expect(await customers('other', ANN)).toBe(404);
    expect(await customers('demo', { authorization: `Bearer ${key}` })).toBe(403);
    expect(await customers('demo', { authorization: '' })).toBe(401);
    return id;
  }
});

/** Ends npm and the server that it runs, as Ctrl-C does, and waits for both. */
async function stopGroup(leader: number): Promise<void> {
  process.kill(-leader, 'SIGINT');
  for (;;) {
    try {
      process.kill(-leader, 0);
    } catch {
      return;
    }
    await sleep(20);
  }
}
