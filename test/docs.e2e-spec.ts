import { transform } from '@swc/core';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { delay, start, Watch } from './support/watch.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');

/** Returns the code blocks of a page in one language. */
async function blocks(page: string, language: string): Promise<string[]> {
  const text = await readFile(join(root, page), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, code]) => code!);
}

/** Runs a command in the checkout, as a reader would paste it. Returns its output. */
async function paste(command: string, env: Record<string, string> = {}): Promise<string> {
  const options = { cwd: root, env: { PATH: process.env['PATH'], ...env }, timeout: 20_000 };
  return (await run('sh', ['-c', command], options)).stdout;
}

/** Returns the types of the recorded events in the output of `curl -N`. */
const events = (printed: string): string[] =>
  [...printed.matchAll(/^event: (\S+)\ndata: \{.*\}\nid: \d+$/gm)].map(([, type]) => type!);

describe('the commands of the README', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase() });
  });
  afterAll(() => server.kill('SIGTERM'));

  it('start the example, show it to its end, and pause a running execution', async () => {
    const commands = (await blocks('README.md', 'bash'))
      .flatMap((block) => block.replaceAll('\\\n', '').split('\n'))
      .filter((line) => line.startsWith('curl '))
      .map((line) => line.replaceAll('http://127.0.0.1:3000', server.url));
    const [post, stream, pause, ...others] = commands;
    expect(others).toEqual([]);
    const as = (command: string, id: string) => paste(command.replace('<id>', id), { KEY: ADMIN_KEY });

    const execution = JSON.parse(await as(post!, '')) as { id: string; status: string };
    expect(execution).toMatchObject({ projectId: 'demo', status: 'queued' });
    // Its Idempotency-Key makes a second paste harmless.
    expect(JSON.parse(await as(post!, ''))).toMatchObject({ id: execution.id });

    const types = events(await as(stream!, execution.id));
    expect(types[0]).toBe('execution:started');
    expect(types.at(-1)).toBe('execution:completed');
    expect(types).toContain('execution:output');

    const other = await server.startExecution(start([delay('d', 600_000)]));
    const watch = new Watch(server.url, `/api/executions/${other}/stream`);
    await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:step'));
    expect(JSON.parse(await as(pause!, other))).toMatchObject({ id: other });
    await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:paused'));
    watch.close();
  });
});

describe('the commands that the first start prints', () => {
  it('start an execution and show it to its end', async () => {
    const server = await Server.start({ DATABASE_URL: await createDatabase(), BOOTSTRAP_API_KEY: '' });
    // The server prints the commands shortly after its address.
    while (!server.output().includes('/stream"')) await sleep(20);
    const [post, watch, ...others] = server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('  curl '));
    expect(others).toEqual([]);
    expect(JSON.parse(await paste(post!))).toMatchObject({ projectId: 'demo', status: 'queued' });
    const types = events(await paste(watch!));
    expect([types[0], types.at(-1)]).toEqual(['execution:started', 'execution:completed']);
    await server.kill('SIGTERM');
  });
});

describe('the queries of docs/operating.md', () => {
  it('show what waits', async () => {
    const url = await createDatabase();
    const server = await Server.start({ DATABASE_URL: url, PARK_TIMEOUT_MS: '0' });
    const id = await server.startExecution(start([delay('d', 600_000)]));
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const queries = (await blocks('docs/operating.md', 'sql')).join('').split(';').slice(0, -1);
    const rows = async () => {
      const found: Record<string, unknown>[][] = [];
      for (const text of queries) found.push((await client.query<Record<string, unknown>>(text)).rows);
      return found;
    };
    let [byKind, overdue, byParked] = await rows();
    for (const deadline = Date.now() + 20_000; byParked?.[0]?.['parked'] !== true;) {
      if (Date.now() > deadline) throw new Error(`${id} was not parked`);
      await sleep(20);
      [byKind, overdue, byParked] = await rows();
    }
    // The queries run one after the other, and it was parked before the last one.
    [byKind, overdue, byParked] = await rows();
    expect(byKind).toEqual([{ kind: 'timer', count: '1', oldest: expect.any(Date) as Date }]);
    expect(overdue).toEqual([{ count: '0', late: null }]);
    expect(byParked).toEqual([{ parked: true, count: '1' }]);
    await client.end();
    await server.kill('SIGTERM');
  });
});

/** The server with a module that provides all examples. */
const application = (from: string) => `
  import 'reflect-metadata';
  import { parseSettings } from '${from}/config/settings.js';
  import { createApp } from '${from}/create-app.js';
  @Module({ providers: [UppercaseNode, PaymentNode, TranslationsNode, OurModels, CrmTools, Alarms, Redaction, Policy] })
  class TeamModule {}
  const app = await createApp(parseSettings(process.env), [TeamModule]);
  await app.listen(0, '127.0.0.1');
  console.log(\`listens on \${await app.getUrl()};\`);
  process.on('SIGTERM', () => void app.close());
`;

describe('the extensions of docs/extending.md', () => {
  let folder: string;
  beforeAll(async () => {
    // Inside the checkout, so that Node finds the installed packages.
    folder = await mkdtemp(join(root, 'dist', '.docs-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('pass the type check and work in the real server', async () => {
    const code = (await blocks('docs/extending.md', 'ts')).join('\n');
    const from = (entry: string) => code.replaceAll("'@cloutagent/server'", `'${entry}'`);
    await writeFile(join(folder, 'team.ts'), from(join(root, 'src/index.js')));
    const config = {
      extends: join(root, 'tsconfig.json'),
      files: ['team.ts', join(root, 'src/express.d.ts')],
      include: [],
      exclude: [],
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = [join(root, 'node_modules/typescript/bin/tsc'), '--noEmit', '--types', 'node', '-p', folder];
    await run(process.execPath, tsc, { cwd: root }).catch((error: { stdout: string }) =>
      Promise.reject(new Error(error.stdout)),
    );

    const options = { filename: join(folder, 'team.ts'), configFile: join(root, '.swcrc') };
    const source = from(join(root, 'dist/index.js')) + application(join(root, 'dist'));
    await writeFile(join(folder, 'team.js'), (await transform(source, options)).code);
    const server = await Server.start({ DATABASE_URL: await createDatabase() }, join(folder, 'team.js'));
    const end = async (nodes: object[], more: object = {}) => {
      const id = await server.startExecution({ ...start(nodes), ...more });
      const { frames } = await new Watch(server.url, `/api/executions/${id}/stream`).done();
      return { id, types: frames.map(({ type }) => type), data: frames.at(-1)!.data };
    };
    const uppercase = (text: string) => ({ id: 'a', type: 'uppercase', data: { config: { text } } });
    const { types, data } = await end([uppercase('{{input}} 4111111111111111')]);
    expect(data.result.output).toBe('HELLO [card]');
    expect(types).toContain('execution:custom');
    expect((await end([uppercase('x')], { tags: ['forbidden'] })).data.code).toBe('policy_violated');
    const demo = {
      delayMs: 0,
      text: 'done',
      toolCall: { name: 'crm__find-customer', args: { email: 'a@b.c' } },
    };
    const agent = {
      model: 'demo/x',
      prompt: 'Find.',
      tools: ['crm/find-customer'],
      providerOptions: { demo },
    };
    const called = await end([{ id: 'a', type: 'agent', data: { config: agent } }]);
    expect(called.data.result.output).toBe('done');
    expect(called.types).toContain('execution:tool-result');
    const payment = { id: 'pay', type: 'team-payment', data: { config: { order: 'A-17' } } };
    const id = await server.startExecution(start([payment]));
    const watch = new Watch(server.url, `/api/executions/${id}/stream`);
    const waits = (kind: string) =>
      watch.until(({ frames }) =>
        frames.some((frame) => frame.type === 'execution:waiting' && frame.data.kind === kind),
      );
    await waits('signal');
    await server.call('POST', `/api/executions/${id}/signals/paid.A-17`, { amount: 120 });
    await waits('approval');
    await server.call('POST', `/api/executions/${id}/approve`);
    const paid = await watch.done();
    expect(paid.frames.at(-1)!.data.result.output).toEqual({
      order: 'A-17',
      payment: { amount: 120 },
      approved: true,
    });
    expect(paid.frames.filter(({ type }) => type === 'execution:output').length).toBe(1);
    const translations = (languages: string[]) => ({
      id: 't',
      type: 'team-translations',
      data: {
        config: {
          languages,
          workflow: {
            nodes: [{ id: 'x', type: 'uppercase', data: { config: { text: '{{input}}' } } }],
            edges: [],
          },
        },
      },
    });
    expect((await end([translations(['de', 'fr'])])).data.result.output).toEqual({ de: 'DE', fr: 'FR' });
    const wrong = translations(['de']);
    wrong.data.config.workflow.nodes[0]!.data.config.text = '{{nodes.none.output}}';
    const refused = await server.call('POST', '/api/executions', start([wrong]));
    expect(refused.body.errors[0]!.path).toBe(
      'workflow.nodes.0.data.config.workflow.nodes.0.data.config.text',
    );
    const { body } = await server.call(
      'POST',
      '/api/executions',
      start([{ id: 'a', type: 'agent', data: { config: { model: 'ours/small', prompt: 'x' } } }]),
    );
    expect(body.errors[0]!.message).toBe('There is no model "ours/small": use ours/large.');
    await server.kill('SIGTERM');
    expect(server.output()).toContain('failed: policy_violated');
  });
});
