// `npm run screenshots` runs this file as a test, because it needs the tests' database and browser.
import { mkdir, readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { Browser } from '../support/browser.js';
import { ADMIN_KEY, createDatabase, Server } from '../support/server.js';

const FOLDER = 'docs/screenshots';
const DESKTOP = { width: 1280, height: 800 };
const MOBILE = { width: 360, height: 740 };

let server: Server;
let browser: Browser;
beforeAll(async () => {
  await mkdir(FOLDER, { recursive: true });
  server = await Server.start({
    DATABASE_URL: await createDatabase(),
    SECRETS_KEY: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
  });
  browser = await Browser.launch();
});
afterAll(async () => {
  await browser.close();
  await server.kill('SIGTERM');
});

const example = async (name: string): Promise<object> =>
  JSON.parse(await readFile(`examples/${name}.json`, 'utf8')) as object;
const start = async (name: string) => server.startExecution(await example(name));
const until = async (id: string, status: string) => {
  while ((await server.call('GET', `/api/executions/${id}`)).body.status !== status)
    await new Promise((resolve) => setTimeout(resolve, 100));
};

async function shoot(page: Page, name: string): Promise<void> {
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: `${FOLDER}/${name}.png`, animations: 'disabled' });
}

/** Makes what the pages of a project show. */
async function makeProject(): Promise<void> {
  const put = async (path: string, body: object): Promise<void> => {
    const { status } = await server.call('PUT', `/api/${path}`, body);
    expect([200, 201]).toContain(status);
  };
  const inputSchema = {
    type: 'object',
    properties: {
      topic: { type: 'string', title: 'Topic', description: 'What the report is about' },
      kind: { enum: ['short', 'long'], title: 'Kind' },
    },
    required: ['topic', 'kind'],
  };
  const content = (prompt: string) => ({
    workflow: {
      nodes: [{ id: 'draft', type: 'agent', data: { config: { model: 'demo/echo', prompt } } }],
      edges: [],
    },
    inputSchema,
    description: 'Writes the weekly report.',
  });
  await put('workflows/demo/report', content('Write about {{input.topic}}.'));
  await put('workflows/demo/report/aliases/production', { version: 1 });
  await put('workflows/demo/report', content('Write in two sentences about {{input.topic}}.'));
  const workflowRef = 'report@production';
  const input = { topic: 'sales', kind: 'short' };
  const timeZone = 'Europe/Berlin';
  await put('schedules/demo/nightly', { workflowRef, input, cron: '30 2 * * 1-5', timeZone });
  await put('schedules/demo/weekly', { workflowRef, input, cron: '0 8 * * 1', timeZone, enabled: false });
  await put('secrets/demo/GITHUB', { value: 'gh_3d1f0c9a5b7e4826' });
  await put('triggers/demo/issues', { workflowRef, source: 'github', secret: 'GITHUB' });
}

async function signIn(page: Page, path: string): Promise<void> {
  await page.goto(new URL(path, server.url).href);
  await page.getByLabel('API key').fill(ADMIN_KEY);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}

it('takes the pictures of docs/dashboard.md', async () => {
  const done = await start('compare');
  const failed = await start('failure');
  await start('retry');
  await Promise.all([until(done, 'completed'), until(failed, 'failed')]);
  const approval = await start('approval');
  const branch = await start('branch');
  await until(branch, 'completed');
  await until(approval, 'waiting');
  const schema = {
    type: 'object',
    properties: {
      amount: { type: 'number', title: 'Amount', description: 'In euros' },
      reason: { enum: ['damaged', 'late', 'other'], title: 'Reason' },
      urgent: { type: 'boolean', title: 'Pay today' },
    },
    required: ['amount', 'reason'],
  };
  const config = { message: 'Pay the refund to Ada?', schema, expiresInMs: 86_400_000 };
  await server.startExecution({
    projectId: 'demo',
    input: 'Refund for Ada',
    workflow: { nodes: [{ id: 'refund', type: 'approval', data: { config } }], edges: [] },
  });
  const refund = {
    name: 'refund',
    description: 'Pays an amount back.',
    inputSchema: { type: 'object' },
    http: { url: 'https://shop.example/refunds', method: 'POST' },
    approval: { message: 'The agent wants to pay this back.', expiresInMs: 86_400_000 },
  };
  const toolCall = { name: 'refund', args: { order: 1842, amount: 49.9, currency: 'EUR' } };
  const agent = {
    model: 'demo/echo',
    prompt: 'Answer the complaint: {{input}}',
    tools: [refund],
    providerOptions: { demo: { toolCall } },
  };
  const complaint = await server.startExecution({
    projectId: 'demo',
    input: 'The lamp is broken.',
    workflow: { nodes: [{ id: 'support', type: 'agent', data: { config: agent } }], edges: [] },
  });
  await until(complaint, 'waiting');
  await makeProject();
  const light = await browser.open({ viewport: DESKTOP, colorScheme: 'light' });
  const { page } = light;
  await page.goto(server.url);
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  await shoot(page, 'sign-in');
  await signIn(page, '/executions');
  await page.getByRole('link', { name: 'Release 2.0' }).waitFor();
  await page
    .getByText('needs', { exact: false })
    .first()
    .waitFor({ timeout: 500 })
    .catch(() => undefined);
  const running = await start('compare');
  await page.locator('[data-status=running]').first().waitFor();
  await shoot(page, 'list');

  await page.goto(new URL(`/executions/${running}`, server.url).href);
  await page.locator('.step-node[data-status=running]').first().waitFor();
  await page.locator('.step-node[data-status=completed]').first().waitFor();
  await shoot(page, 'run');
  await page.goto(new URL(`/executions/${failed}`, server.url).href);
  await page.locator('.step-node[data-status=failed]').click();
  await page.locator('.event-row').first().waitFor();
  await page.screenshot({ path: `${FOLDER}/failure.png`, fullPage: true });
  await page.goto(new URL(`/executions/${branch}`, server.url).href);
  await page.locator('.step-node[data-status=skipped]').waitFor();
  await shoot(page, 'branch');
  await page.goto(new URL('/inbox', server.url).href);
  await page.locator('.inbox-item').nth(1).waitFor();
  await shoot(page, 'inbox');
  await page.goto(new URL('/inbox?kind=tool', server.url).href);
  await page.getByRole('button', { name: 'Change the arguments' }).click();
  await shoot(page, 'tool');
  await page.goto(new URL('/start', server.url).href);
  await page.locator('.step-node').first().waitFor();
  await shoot(page, 'start');
  await page.goto(new URL('/workflows/demo/report', server.url).href);
  await page.getByLabel('Before').first().waitFor();
  await page.screenshot({ path: `${FOLDER}/workflow.png`, fullPage: true, animations: 'disabled' });
  await page.goto(new URL('/schedules?project=demo', server.url).href);
  await page.getByText('/api/hooks/demo/issues').waitFor();
  await shoot(page, 'schedules');
  await page.goto(new URL('/keys', server.url).href);
  await page.getByRole('button', { name: 'New key' }).click();
  await shoot(page, 'keys');
  await light.close();

  const dark = await browser.open({ viewport: DESKTOP, colorScheme: 'dark' });
  await signIn(dark.page, `/executions/${approval}`);
  await dark.page.locator('.step-node[data-status=approval]').waitFor();
  await shoot(dark.page, 'dark');
  await dark.close();

  const mobile = await browser.open({ viewport: MOBILE, colorScheme: 'light', deviceScaleFactor: 1.5 });
  await signIn(mobile.page, '/executions');
  await mobile.page.getByRole('link', { name: 'Release 2.0' }).waitFor();
  await shoot(mobile.page, 'mobile-list');
  await mobile.page.goto(new URL(`/executions/${done}`, server.url).href);
  await mobile.page.locator('.step-node[data-status=completed]').first().waitFor();
  await shoot(mobile.page, 'mobile-run');
  await mobile.close();
  console.log([...light.problems, ...dark.problems, ...mobile.problems].join('\n'));
}, 120_000);
