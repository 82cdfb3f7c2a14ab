import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { GET, POST } from '../../examples/ai-sdk/route.js';
import { Browser, type OpenPage } from '../support/browser.js';
import { type FakeHttpServer, startFakeHttpServer } from '../support/fake-http-server.js';
import { serveRoute } from '../support/route-host.js';
import { ADMIN_KEY, createDatabase, Server } from '../support/server.js';
import { TestPage } from '../support/test-page.js';

const LONG = 'one two three four five six seven eight nine ten '.repeat(10).trim();

describe('useChat in a browser', () => {
  let server: Server;
  let route: Awaited<ReturnType<typeof serveRoute>>;
  let site: TestPage;
  let browser: Browser;
  let endpoint: FakeHttpServer;
  let settings: Record<string, string>;
  let open: OpenPage;
  const start = async () => {
    server = await Server.start(settings);
    process.env['CLOUTAGENT_URL'] = server.url;
  };
  beforeAll(async () => {
    endpoint = await startFakeHttpServer((_request, response) =>
      response.setHeader('content-type', 'application/json').end('{"paid":true}'),
    );
    settings = {
      DATABASE_URL: await createDatabase(),
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      CORS_ORIGINS: '*',
      PROCESS_RECONNECT_TIMEOUT_MS: '500',
    };
    process.env['CLOUTAGENT_API_KEY'] = ADMIN_KEY;
    await start();
    route = await serveRoute('/api/chat', { GET, POST });
    site = await TestPage.start('test/browser/pages/chat.tsx', route.url);
    browser = await Browser.launch();
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    route?.close();
    await server?.kill('SIGTERM');
    await endpoint?.close();
  });
  afterEach(() => open.close());

  const save = (demo: object, more: object = {}) =>
    server.call('PUT', '/api/workflows/demo/support', {
      workflow: {
        nodes: [
          {
            id: 'answer',
            type: 'agent',
            data: {
              config: {
                model: 'demo/echo',
                messages: '{{input.messages}}',
                providerOptions: { demo },
                ...more,
              },
            },
          },
        ],
      },
    });
  const slow = { text: LONG, chunks: 80, delayMs: 25 };
  const show = async (view: object = {}, options: Parameters<Browser['open']>[0] = {}) => {
    open = await browser.open(options);
    await open.page.addInitScript((given) => Object.assign(globalThis, { view: given }), {
      id: randomUUID(),
      ...view,
    });
    await open.page.goto(site.url);
  };
  const send = async (text = 'Hello') => {
    await open.page.getByLabel('Message').fill(text);
    await open.page.getByRole('button', { name: 'Send' }).click();
  };
  const status = (expected: string) =>
    open.page.locator('output', { hasText: new RegExp(`^${expected}$`) }).waitFor();
  const answers = () => open.page.locator('.assistant .text').allTextContents();
  const someText = () =>
    open.page.waitForFunction(
      () => (document.querySelector('.assistant .text')?.textContent?.length ?? 0) > 20,
    );
  /** Zod, which the AI SDK uses, tries once whether it may compile code, and works without that. */
  const problems = () => open.problems.filter((problem) => !/TrustedScript|trusted-types-sink/.test(problem));
  const newest = async () => (await server.call('GET', '/api/executions?limit=1')).body.executions[0]!;

  it('sends a message and shows the answer', async () => {
    await save({ text: 'Hi there', delayMs: 0 });
    await show();
    await send();
    await open.page.getByText('Hi there').waitFor();
    await status('ready');
    expect(await open.page.locator('.node').allTextContents()).toEqual(['answer: completed']);
    await send('And again');
    await open.page.locator('.assistant').nth(1).waitFor();
    await status('ready');
    expect(await answers()).toEqual(['Hi there', 'Hi there']);
    expect(problems()).toEqual([]);
  });

  it('stops an answer, which cancels its execution', async () => {
    await save(slow);
    await show();
    await send();
    await someText();
    await open.page.getByRole('button', { name: 'Stop' }).click();
    await status('ready');
    const { id } = await newest();
    const ended = await fetch(`${server.url}/api/executions/${id}/stream`, {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    expect(await ended.text()).toContain('execution:cancelled');
    expect((await answers())[0]!.length).toBeLessThan(LONG.length);
    expect(problems()).toEqual([]);
  });

  it('follows an answer after a reload in the middle', async () => {
    await save(slow);
    await show();
    await send();
    await someText();
    await open.page.reload();
    await status('streaming');
    await status('ready');
    expect(await answers()).toEqual([LONG]);
    expect(await open.page.locator('.user').count()).toBe(1);
    await open.page.reload();
    await status('ready');
    expect(await answers()).toEqual([LONG]);
    expect(problems()).toEqual([]);
  });

  it.each([
    ['Approve', 'output-available', 1],
    ['Deny', 'output-denied', 0],
  ])('asks for a call of a tool: %s', async (button, state, calls) => {
    const tool = {
      name: 'refund',
      description: 'Pays money back.',
      inputSchema: { type: 'object' },
      http: { method: 'POST', url: endpoint.url },
      approval: 'always',
    };
    const toolCall = { name: 'refund', args: { amount: 5 } };
    await save({ toolCall, text: 'All done', delayMs: 0 }, { tools: [tool] });
    endpoint.requests.length = 0;
    await show();
    await send('Give me 5 back');
    await open.page.getByText('refund {"amount":5}: approval-requested').waitFor();
    // The question is still there after a reload.
    await open.page.reload();
    await open.page.getByRole('button', { name: button }).click();
    await open.page.getByText('All done').waitFor();
    await open.page.getByText(`refund {"amount":5}: ${state}`).waitFor();
    await status('ready');
    expect(await open.page.locator('.assistant').count()).toBe(1);
    expect(endpoint.requests).toHaveLength(calls);
    expect(problems()).toEqual([]);
  });

  it('shows an error of a model', async () => {
    await server.call('PUT', '/api/workflows/demo/support', {
      workflow: {
        nodes: [
          {
            id: 'answer',
            type: 'agent',
            data: {
              maxRetries: 0,
              config: {
                model: 'demo/echo',
                prompt: 'x',
                providerOptions: { demo: { failTimes: 9, failAfterChunks: 2 } },
              },
            },
          },
        ],
      },
    });
    await show();
    await send();
    await open.page.getByRole('alert').waitFor();
    expect(await open.page.getByRole('alert').textContent()).toMatch(/\(model_\w+\) Resume$/);
    await status('error');
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)('can resume after the server ends by %s', async (signal) => {
    await save(slow);
    await show();
    await send();
    await someText();
    await server.kill(signal);
    await open.page.getByRole('alert').waitFor();
    await status('error');
    expect((await answers())[0]!.length).toBeLessThan(LONG.length);
    await start();
    await open.page.getByRole('button', { name: 'Resume' }).click();
    await status('ready');
    expect(await answers()).toEqual([LONG]);
    expect(await open.page.getByRole('alert').count()).toBe(0);
  });

  it('works without a server of its own, from another origin', async () => {
    await save({ text: 'Hi there', delayMs: 0 });
    // The test page may only connect to its own origin.
    await show(
      {
        api: `${server.url}/api/ai-sdk/demo/support`,
        headers: { Authorization: `Bearer ${ADMIN_KEY}` },
      },
      { bypassCSP: true },
    );
    await send();
    await open.page.getByText('Hi there').waitFor();
    await status('ready');
    expect(problems()).toEqual([]);
  });

  it('is the code of docs/protocols/ai-sdk.md', async () => {
    await show();
    const page = await readFile('docs/protocols/ai-sdk.md', 'utf8');
    for (const file of ['chat.tsx', 'route.ts'])
      expect(page).toContain(await readFile(`examples/ai-sdk/${file}`, 'utf8'));
  });
});
