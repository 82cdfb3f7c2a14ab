import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { keyFor } from './support/openai-workflows.js';
import { saveWorkflow } from './support/saved-workflow.js';
import { createDatabase, Server } from './support/server.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');

/** The Python with the package `openai`; undefined if there is none. */
const python: string | undefined = await run('python3', ['-c', 'import openai']).then(
  () => 'python3',
  () => undefined,
);

describe('docs/protocols/openai.md', () => {
  let server: Server;
  let env: Record<string, string | undefined>;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase() });
    await saveWorkflow(server.url, 'support', [
      {
        id: 'answer',
        type: 'agent',
        data: { config: { model: 'demo/echo', messages: '{{input.messages}}' } },
      },
    ]);
    env = { PATH: process.env['PATH'], CLOUTAGENT_API_KEY: await keyFor(server) };
  });
  afterAll(() => server.kill('SIGTERM'));

  const code = async (language: string): Promise<string> => {
    const page = await readFile(join(root, 'docs/protocols/openai.md'), 'utf8');
    const blocks = [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))];
    return blocks.map(([, block]) => block!.replaceAll('http://127.0.0.1:3000', server.url)).join('\n');
  };

  it('has TypeScript that runs from the first block to the last', async () => {
    const folder = await mkdtemp(join(root, 'test/.openai-doc-'));
    try {
      const file = join(folder, 'page.ts');
      await writeFile(file, await code('ts'));
      const { stdout } = await run(process.execPath, [file], { env, cwd: folder });
      const printed = stdout.split('\n').filter((line) => line.trim() !== '');
      expect(printed[0]).toMatch(/^completed You asked/);
      expect(printed).toContainEqual(expect.stringMatching(/^ completed \d+$/));
      expect(printed.at(-3)).toBe('completed');
      expect(printed.at(-2)).toMatch(/^resp_[0-9a-f-]{36}$/);
      expect(['cancelled', 'completed']).toContain(printed.at(-1));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  const withPython = python ? it : it.skip;
  withPython('has Python that runs (skipped without python3 and its package openai)', async () => {
    const { stdout } = await run(python!, ['-c', await code('python')], { env });
    expect(stdout).toMatch(/^completed You asked/);
    expect(stdout.trimEnd().split('\n')).toHaveLength(3);
  });
});
