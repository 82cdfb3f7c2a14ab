import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { pathOf, Watch } from './support/watch.js';

const run = promisify(execFile);
const page = await readFile('docs/agents.md', 'utf8');
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, code]) => code!);

describe('the code of docs/agents.md', () => {
  let server: Server;
  let partner: FakeHttpServer;
  let models: FakeModelServer;
  beforeAll(async () => {
    partner = await startFakeHttpServer((_request, response) => response.end('{}'));
    models = await startFakeModelServer();
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      ANTHROPIC_API_KEY: 'k',
      ANTHROPIC_BASE_URL: models.url,
      OPENAI_COMPATIBLE_BASE_URL: models.url,
      HTTP_ALLOWED_HOSTS: '127.0.0.1,partner.example.com',
    });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await partner.close();
    await models.close();
  });
  const ended = async (id: string) => (await new Watch(server.url, pathOf(id)).done()).frames;

  it.each(blocks('json').map((block, index) => [index + 1, block] as const))(
    'is a config that runs: block %i',
    async (_number, block) => {
      const config = JSON.parse(block.replace('https://partner.example.com', partner.url)) as {
        tools?: object[];
      };
      const nodes = [{ id: 'a', type: 'agent', data: { config } }];
      const id = await server.startExecution({
        projectId: 'demo',
        input: 'x',
        workflow: { nodes, edges: [] },
      });
      const frames = await ended(id);
      expect(frames.at(-1)!.type).toBe('execution:completed');
      const results = frames.filter(({ type }) => type === 'execution:tool-result');
      expect(results.map(({ data }) => data.isError)).toEqual(config.tools ? [false] : []);
    },
  );

  it('starts the example, finds its question, and answers it', async () => {
    const commands = blocks('bash')
      .flatMap((block) => block.replaceAll('\\\n', '').split('\n'))
      .filter((line) => line.startsWith('curl '));
    const [post, list, answer, ...others] = commands;
    expect(others).toEqual([]);
    const paste = async (command: string): Promise<unknown> => {
      const env = { PATH: process.env['PATH'], URL: server.url, KEY: ADMIN_KEY };
      return JSON.parse((await run('sh', ['-c', command], { env })).stdout);
    };
    const { id } = (await paste(post!)) as { id: string };
    const watch = new Watch(server.url, pathOf(id));
    await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:waiting'));
    const { waits } = (await paste(list!.replace('<id>', id))) as {
      waits: { waitId: string; toolArgs: object; message: string }[];
    };
    expect(waits).toMatchObject([{ toolName: 'refund', toolArgs: { order: 'A-17', amount: 120 } }]);
    await paste(answer!.replace('<waitId>', waits[0]!.waitId));
    const { frames } = await watch.done();
    expect(frames.at(-1)!.type).toBe('execution:completed');
    const result = frames.find(({ type }) => type === 'execution:tool-result');
    expect(result!.data.toolArgs).toEqual({ order: 'A-17', amount: 100 });
  });
});
