import { CloutAgent } from '@cloutagent/client';
import { CloutAgentAdmin } from '@cloutagent/client/admin';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './support/free-ports.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';

const run = promisify(execFile);
const examples = join(import.meta.dirname, '../examples');

/** The server of a guide, with an empty database. */
let server: Server;
beforeEach(async () => {
  server = await Server.start({
    DATABASE_URL: await createDatabase(),
    HTTP_ALLOWED_HOSTS: '127.0.0.1',
    SECRETS_KEY: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
  });
});
afterEach(() => server.kill('SIGTERM'));

const environment = () => ({
  PATH: process.env['PATH'],
  CLOUTAGENT_URL: server.url,
  CLOUTAGENT_API_KEY: ADMIN_KEY,
});

describe('docs/guides/curl.md', () => {
  it('has a script that saves, runs and lists a workflow', async () => {
    const script = () =>
      run('sh', [join(examples, 'curl/run.sh')], { env: { ...environment(), RUN_ID: 'a' } });
    const { stdout } = await script();
    const [alias, execution, list] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(alias).toEqual({ name: 'production', version: 1 });
    expect(execution).toMatchObject({
      status: 'completed',
      workflow: { name: 'strengths', version: 1 },
      output: expect.stringContaining('SSE') as string,
    });
    expect(list!['executions']).toMatchObject([{ id: execution!['id'] }]);
    // A second run with the same id starts nothing.
    const [, again] = (await script()).stdout.split('\n');
    expect(JSON.parse(again!)).toMatchObject({ id: execution!['id'] });
  });

  it('has commands that work as they are written', async () => {
    const text = await readFile('docs/guides/curl.md', 'utf8');
    const commands = [...text.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, code]) => code!);
    const printed: string[] = [];
    for (const command of commands) {
      const here = command.replaceAll('http://127.0.0.1:3000', server.url);
      const options = { cwd: join(examples, 'curl'), env: { PATH: process.env['PATH'], KEY: ADMIN_KEY } };
      printed.push((await run('sh', ['-c', here], options)).stdout);
    }
    const [saved, alias, ended, streamed, checked, listed, ...others] = printed;
    expect(others).toEqual([]);
    expect(JSON.parse(saved!)).toMatchObject({ name: 'strengths', version: 1 });
    expect(JSON.parse(alias!)).toEqual({ name: 'production', version: 1 });
    expect(JSON.parse(ended!)).toMatchObject({ status: 'completed' });
    expect(streamed).toMatch(/^event: execution:started$/m);
    expect(streamed).toMatch(/^event: execution:completed$/m);
    expect(JSON.parse(checked!)).toMatchObject({ valid: false });
    expect((JSON.parse(listed!) as { executions: unknown[] }).executions).toHaveLength(2);
  });
});

describe('docs/guides/scheduled-job.md', () => {
  it('has a script that deploys the job twice and runs it', async () => {
    const deploy = async () =>
      (await run(process.execPath, [join(examples, 'scheduled-job/deploy.ts')], { env: environment() }))
        .stdout;
    expect(await deploy()).toMatch(/^report@1 runs next at 20\d\d-[^]*^completed: .*sales/m);
    // The same content is no new version.
    expect(await deploy()).toMatch(/^report@1 runs next at /);
    const admin = new CloutAgentAdmin({ baseUrl: server.url, apiKey: ADMIN_KEY });
    expect((await admin.schedules.list('demo')).schedules).toMatchObject([
      { name: 'nightly-report', workflowRef: 'report@production', enabled: true },
    ]);
  });
});

describe('docs/guides/webhooks.md', () => {
  let receiver: ChildProcess | undefined;
  afterEach(() => receiver?.kill());

  it('has a receiver that takes signed events once, and no others', async () => {
    const client = new CloutAgent({ baseUrl: server.url, apiKey: ADMIN_KEY });
    const { webhooks } = new CloutAgentAdmin(client);
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}/hooks`;
    const settings = { url, events: ['execution:completed', 'execution:failed'] as const };
    const body = { ...settings, events: [...settings.events] };
    const { secret = '' } = await webhooks.set('demo', 'results', { ...body, enabled: false });

    receiver = spawn(process.execPath, [join(examples, 'webhook-receiver/receiver.ts')], {
      env: { PATH: process.env['PATH'], PORT: String(port), WEBHOOK_SECRET: secret },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    receiver.stdout!.on('data', (data: Buffer) => (printed += data.toString()));
    const prints = async (text: string): Promise<void> => {
      while (!printed.includes(text)) await once(receiver!.stdout!, 'data');
    };
    await prints('listens on port');

    const workflow = (expression: string) => ({
      nodes: [{ id: 'a', type: 'transform', data: { config: { expression } } }],
      edges: [],
    });
    const completed = await client.executions.startAndWait({
      projectId: 'demo',
      workflow: workflow('6 * 7'),
    });
    await webhooks.set('demo', 'results', body);
    await prints(`completed ${completed.id} 42`);
    const failed = await client.executions.startAndWait({
      projectId: 'demo',
      workflow: workflow('$error("broken")'),
    });
    await prints(`failed ${failed.id}`);

    // The event arrives again, and is not handled again.
    await webhooks.replay('demo', 'results', { executionId: completed.id });
    let attempts = 0;
    while (attempts < 2) {
      const page = await webhooks.deliveries('demo', 'results', { executionId: completed.id });
      attempts = page.deliveries.filter(({ status }) => status === 'delivered').length;
    }
    expect(printed.split(`completed ${completed.id}`)).toHaveLength(2);

    const forged = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
      'webhook-signature': `v1,${Buffer.alloc(32).toString('base64')}`,
    };
    const post = (headers: Record<string, string>, text: string) =>
      fetch(url, { method: 'POST', headers, body: text });
    expect((await post(forged, '{"type":"execution.completed","data":{}}')).status).toBe(401);
    expect((await post({}, '{}')).status).toBe(401);
    expect((await post(forged, 'x'.repeat(10_000_001))).status).toBe(413);
    expect((await fetch(url)).status).toBe(405);
  });
});
