import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { delay, start } from './support/watch.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
/** In the order of their dependencies. */
const PACKAGES = ['contract', 'client', 'react'];
/** By version of React: the packages that a project with React installs, and their folders in this checkout. */
const REACT = {
  18: {
    react: 'react-18',
    'react-dom': 'react-dom-18',
    scheduler: 'react-dom-18/node_modules/scheduler',
    'loose-envify': 'loose-envify',
    'js-tokens': 'js-tokens',
    csstype: 'csstype',
    '@types/react': '@types/react-18',
    '@types/react-dom': '@types/react-dom-18',
    '@types/prop-types': '@types/prop-types',
  },
  19: {
    react: 'react',
    'react-dom': 'react-dom',
    scheduler: 'scheduler',
    csstype: 'csstype',
    '@types/react': '@types/react',
    '@types/react-dom': '@types/react-dom',
  },
} as const;

/** Returns the folder of a dependency as the package `from` resolves it. */
async function folderOf(dependency: string, from: string): Promise<string> {
  let folder = dirname(createRequire(join(root, 'packages', from, 'package.json')).resolve(dependency));
  for (; ; folder = dirname(folder)) {
    const manifest = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}');
    if ((JSON.parse(manifest) as { name?: string }).name === dependency) return folder;
  }
}

/** Returns the code blocks of a package's README. */
async function examplesOf(name: string, language = 'ts'): Promise<string[]> {
  const readme = await readFile(join(root, 'packages', name, 'README.md'), 'utf8');
  const blocks = readme.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'));
  return [...blocks].map(([, code]) => code!);
}

/** An empty project in another folder that has the packed packages installed. No network is used. */
describe('the packed packages in an empty project', () => {
  let project: string;
  const compile = (config: object) =>
    writeFile(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          target: 'es2022',
          lib: ['es2022', 'dom', 'dom.iterable'],
          strict: true,
          exactOptionalPropertyTypes: true,
          types: [],
          rootDir: 'src',
          outDir: 'out',
          ...config,
        },
        include: ['src'],
      }),
    )
      .then(() => run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc')], { cwd: project }))
      .catch((error: { stdout: string }) => Promise.reject(new Error(error.stdout)));

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'cloutagent-project-'));
    const modules = join(project, 'node_modules');
    for (const name of PACKAGES) {
      const folder = join(root, 'packages', name);
      const target = join(modules, '@cloutagent', name);
      await mkdir(target, { recursive: true });
      await run('npm', ['pack', '--offline', '--ignore-scripts', '--pack-destination', project], {
        cwd: folder,
      });
      const { version, dependencies = {} } = JSON.parse(
        await readFile(join(folder, 'package.json'), 'utf8'),
      ) as { version: string; dependencies?: Record<string, string> };
      const tarball = join(project, `cloutagent-${name}-${version}.tgz`);
      await run('tar', ['xzf', tarball, '--strip-components=1', '-C', target]);
      for (const dependency of Object.keys(dependencies)) {
        if (dependency.startsWith('@cloutagent/')) continue;
        await cp(await folderOf(dependency, name), join(modules, dependency), { recursive: true });
      }
    }
    await mkdir(join(project, 'src'));
    await writeFile(join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  });
  afterAll(() => rm(project, { recursive: true, force: true }));

  it('pass the type check with nodenext and bundler resolution, and run the README against a server', async () => {
    const server = await Server.start({ DATABASE_URL: await createDatabase() });
    // The README pauses this execution.
    await server.startExecution(start([delay('d', 600_000)]));
    const examples = await examplesOf('client');
    expect(examples.length).toBeGreaterThan(2);
    for (const [number, code] of examples.entries()) {
      const real = code.replaceAll('http://127.0.0.1:3000', server.url).replaceAll('YOUR_KEY', ADMIN_KEY);
      await writeFile(join(project, 'src', `example${number}.ts`), `${real}\nexport {};\n`);
    }
    await compile({ module: 'esnext', moduleResolution: 'bundler' });
    await compile({ module: 'nodenext', moduleResolution: 'nodenext' });
    for (const number of examples.keys()) {
      const { stdout, stderr } = await run(process.execPath, [join(project, 'out', `example${number}.js`)]);
      expect(stderr).toBe('');
      expect(stdout).not.toBe('');
      expect(stdout).not.toMatch(/error/i);
    }
    await server.kill('SIGTERM');
  });

  it.each([18, 19] as const)(
    'pass the type check and render with React %i without a connection',
    async (version) => {
      for (const [name, here] of Object.entries(REACT[version])) {
        const target = join(project, 'node_modules', name);
        await rm(target, { recursive: true, force: true });
        await cp(join(root, 'node_modules', here), target, { recursive: true });
      }
      const [whole, ...hooks] = await examplesOf('react', 'tsx');
      expect(hooks.length).toBeGreaterThan(2);
      const rest = hooks.map(
        (code, number) => `export async function use${number}(executionId: string) {\n${code}\n}`,
      );
      const names = [
        'useExecution',
        'useExecutionControls',
        'useSSEConnection',
        'useExecutions',
        'useStartExecution',
        'useWaits',
        'useWorkflows',
      ];
      await writeFile(
        join(project, 'src', 'readme.tsx'),
        `import { ${names.join(', ')} } from '@cloutagent/react';\n${whole}\n${rest.join('\n')}\n`,
      );
      await writeFile(
        join(project, 'src', 'server.tsx'),
        `import { version } from 'react';
      import { renderToString } from 'react-dom/server';
      import { CloutAgent } from '@cloutagent/client';
      import { CloutAgentProvider, type ExecutionControls, ExecutionMonitor, useExecutionControls, useStartExecution, useWorkflows } from '@cloutagent/react';
      declare const console: { log(text: string): void };
      const fetch = () => { throw new Error('a server makes no connection'); };
      const client = new CloutAgent({ baseUrl: 'http://127.0.0.1:1', fetch });
      // The compiler refuses the assignment if the type leaves undefined out.
      const idle: ExecutionControls['pending'] = undefined;
      function Pending() { return <p>{useExecutionControls(null).pending === idle ? 'idle' : 'busy'}</p>; }
      function Saved() {
        const { loading } = useWorkflows({ projectId: 'demo' });
        return <p>{useStartExecution().executionId === undefined && loading ? 'nothing yet' : 'too early'}</p>;
      }
      const id = '0199c0de-0000-7000-8000-000000000001';
      const page = <CloutAgentProvider client={client}><ExecutionMonitor executionId={id} /><Pending /><Saved /></CloutAgentProvider>;
      console.log(version + ' ' + renderToString(page));
      export {};`,
      );
      for (const [module, moduleResolution] of [
        ['esnext', 'bundler'],
        ['nodenext', 'nodenext'],
      ])
        await compile({ module, moduleResolution, jsx: 'react-jsx' });
      const { stdout, stderr } = await run(process.execPath, [join(project, 'out', 'server.js')]);
      expect(stderr).toBe('');
      expect(stdout).toContain('ca-monitor');
      expect(stdout).toContain('<p>idle</p>');
      expect(stdout).toContain('<p>nothing yet</p>');
      expect(stdout).toMatch(new RegExp(`^${version}\\.`));
    },
  );

  it('declare the supported versions of React', async () => {
    const manifest = await readFile(join(project, 'node_modules/@cloutagent/react/package.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({ peerDependencies: { react: '^18 || ^19' } });
  });

  it('load Zod only with the contract package', async () => {
    const script = `
      await import('@cloutagent/client');
      const { initialState, applyEvent } = await import('@cloutagent/contract/reduce');
      const { separateFiles } = await import('@cloutagent/contract/files');
      if (separateFiles(1).files.length > 0) throw new Error('no files');
      if (typeof applyEvent !== 'function' || initialState().lastSequence !== 0) throw new Error('no reducer');
    `;
    await rm(join(project, 'node_modules/zod'), { recursive: true });
    await run(process.execPath, ['--input-type=module', '-e', script], { cwd: project });
  });
});
