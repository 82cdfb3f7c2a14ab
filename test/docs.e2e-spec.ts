import { transform } from '@swc/core';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
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

/** The imports that an editor adds above the node of docs/architecture.md. */
const imports = (from: string) => `
  import type { Json } from '@cloutagent/contract';
  import { z } from 'zod';
  import { NodeHandler } from '${from}/engine/extension/node-handler.decorator.js';
  import type { NodeRun, NodeType } from '${from}/engine/extension/node-handler.js';
`;
/** The server with a module that provides the node. */
const application = (from: string) => `
  import 'reflect-metadata';
  import { Module } from '@nestjs/common';
  import { parseSettings } from '${from}/config/settings.js';
  import { createApp } from '${from}/create-app.js';
  @Module({ providers: [UppercaseNode] })
  class TeamModule {}
  const app = await createApp(parseSettings(process.env), [TeamModule]);
  await app.listen(0, '127.0.0.1');
  console.log(\`listens on \${await app.getUrl()};\`);
  process.on('SIGTERM', () => void app.close());
`;

describe('the node type of docs/architecture.md', () => {
  let folder: string;
  beforeAll(async () => {
    // Inside the checkout, so that Node finds the installed packages.
    folder = await mkdtemp(join(root, 'dist', 'docs-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('passes the type check and runs in the real server', async () => {
    const code = await blocks('docs/architecture.md', 'ts');
    expect(code).toHaveLength(1);
    await writeFile(join(folder, 'node.ts'), imports(join(root, 'src')) + code[0]!);
    const config = { extends: join(root, 'tsconfig.json'), files: ['node.ts'], include: [], exclude: [] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = [join(root, 'node_modules/typescript/bin/tsc'), '--noEmit', '--types', 'node', '-p', folder];
    await run(process.execPath, tsc, { cwd: root }).catch((error: { stdout: string }) =>
      Promise.reject(new Error(error.stdout)),
    );

    const options = { filename: join(folder, 'node.ts'), configFile: join(root, '.swcrc') };
    const dist = join(root, 'dist');
    const source = imports(dist) + code[0]! + application(dist);
    await writeFile(join(folder, 'node.js'), (await transform(source, options)).code);
    const server = await Server.start({ DATABASE_URL: await createDatabase() }, join(folder, 'node.js'));
    const node = { id: 'a', type: 'uppercase', data: { config: { text: '{{input}}' } } };
    const id = await server.startExecution(start([node]));
    const watch = await new Watch(server.url, `/api/executions/${id}/stream`).done();
    expect(watch.frames.at(-1)!.data.result.output).toBe('HELLO');
    await server.kill('SIGTERM');
  });
});
