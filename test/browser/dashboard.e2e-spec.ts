import { readFile } from 'node:fs/promises';
import { seriousFindings } from '../support/accessibility.js';
import { Browser } from '../support/browser.js';
import { DashboardPage } from '../support/dashboard-page.js';
import { ADMIN_KEY, createDatabase, Server } from '../support/server.js';
import { agent, start, Watch } from '../support/watch.js';

const HOSTILE = [
  '<img src=x onerror="globalThis.hacked = 1">',
  '<script>globalThis.hacked = 1</script>',
  '[click](javascript:globalThis.hacked=1)',
  '\u001b[31mred\u001b[0m',
  'invoice\u202efdp.exe',
];

describe('Dashboard', () => {
  let server: Server;
  let settings: Record<string, string>;
  let browser: Browser;
  let dashboard: DashboardPage;

  beforeAll(async () => {
    settings = { DATABASE_URL: await createDatabase(), STREAM_RETRY_MS: '100', RETRY_BASE_MS: '100' };
    server = await Server.start(settings);
    // After a restart the server has the same address.
    settings['PORT'] = new URL(server.url).port;
    browser = await Browser.launch();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.kill('SIGTERM');
  });
  afterEach(async () => {
    const { problems, open } = dashboard;
    await open.close();
    expect(problems).toEqual([]);
  });

  const journalOutput = async (id: string, nodeId: string): Promise<string> => {
    const { body } = await server.call('GET', `/api/executions/${id}`);
    return body.steps.findLast((step) => step.nodeId === nodeId)?.output as string;
  };
  const startWriter = (chunks = 150) =>
    server.startExecution(start([agent('writer', { chunks, delayMs: 20 })]));

  it('signs in, starts, pauses, resumes and approves an execution, and shows its end', async () => {
    dashboard = await DashboardPage.signedIn(browser, server, '/');
    const { page } = dashboard;
    await page.getByRole('heading', { name: 'No executions yet' }).waitFor();
    await page.getByRole('link', { name: 'Start one' }).click();
    await page.getByText('Approval', { exact: true }).click();
    // Makes the execution slow enough to be paused.
    const editor = page.getByLabel('Request as JSON');
    const text = await editor.inputValue();
    await editor.fill(
      text.replace('in three sentences."', 'soon.", "providerOptions": { "demo": { "chunks": 120 } }'),
    );
    await dashboard.button('Start').click();
    await dashboard.node('Draft the announcement', 'running');
    await dashboard.node('Publish', 'idle');
    expect(await page.title()).toMatch(/^Execution \w+ running · CloutAgent$/);
    await dashboard.button('Pause').click();
    await dashboard.status('paused');
    await dashboard.button('Resume').click();
    await dashboard.node('Review the announcement', 'approval');
    await dashboard.button('Approve').click();
    await dashboard.node('Publish', 'completed');
    await dashboard.status('completed');
    const id = new URL(page.url()).pathname.split('/').at(-1)!;
    expect(await dashboard.output('publish')).toBe(await journalOutput(id, 'publish'));

    // Every event is listed and can be found.
    const { body } = await server.call('GET', `/api/executions/${id}`);
    await page.getByText(`${body.lastSequence} events`, { exact: true }).waitFor();
    await page.getByLabel('Search events').fill('"approved":true');
    await page.locator('.event-row').first().click();
    expect(await page.locator('.event-detail pre').textContent()).toContain('"nodeId": "review"');
    expect(page.url()).not.toContain(ADMIN_KEY);
    expect(await page.evaluate(() => JSON.stringify(Object.entries(localStorage)))).not.toContain(ADMIN_KEY);

    await page.getByRole('link', { name: 'Executions', exact: true }).first().click();
    await page.getByRole('link', { name: 'Release 2.0' }).waitFor();
    const other = await startWriter(40);
    await page.locator(`a[href="/executions/${other}"]`).waitFor();
    await page.getByRole('button', { name: 'failed' }).click();
    await page.getByRole('heading', { name: 'No matching executions' }).waitFor();
    expect(page.url()).toMatch(/\?status=failed$/);
  });

  it('explains what is wrong with a key, and returns to the requested page after signing in', async () => {
    const id = await startWriter(5);
    const open = await browser.open();
    await open.page.goto(new URL(`/executions/${id}`, server.url).href);
    await open.page.getByLabel('API key').fill('x'.repeat(40));
    await open.page.getByRole('button', { name: 'Sign in' }).click();
    await open.page.getByText('This key is unknown').waitFor();
    await open.close();
    const created = await server.call('POST', '/api/keys', {
      name: 'short-lived',
      projects: ['demo'],
      scopes: ['executions:read'],
    });
    dashboard = await DashboardPage.signedIn(browser, server, `/executions/${id}`, { key: created.body.key });
    await dashboard.node('writer', 'completed');
    const long = await startWriter(2_000);
    await dashboard.goto(`/executions/${long}`);
    await dashboard.node('writer', 'running');
    await server.call('DELETE', `/api/keys/${created.body.id}`);
    await dashboard.page.getByText('Your key has expired or was revoked').waitFor();
    await dashboard.signIn(ADMIN_KEY);
    await dashboard.node('writer', 'running');
    await dashboard.button('Cancel').click();
    await dashboard.page
      .getByRole('button', { name: /cancel/i })
      .last()
      .click();
    await dashboard.status('cancelled');
    await dashboard.goto('/executions/nothing');
    await dashboard.page.getByRole('heading', { name: 'Execution not found' }).waitFor();
    dashboard.open.problems.splice(0);
  });

  it('shows a failure, the problems of a request, and keys', async () => {
    const failing = JSON.parse(await readFile('examples/failure.json', 'utf8')) as object;
    const id = await server.startExecution(failing);
    dashboard = await DashboardPage.signedIn(browser, server, `/executions/${id}`);
    const { page } = dashboard;
    await dashboard.node('Call a model that is down', 'failed');
    await page.locator('.ca-error', { hasText: 'model_unavailable' }).first().waitFor();
    await page.locator('.step-node[data-status=failed]').click();
    await page
      .getByRole('region', { name: 'Node Call a model that is down' })
      .getByText('attempt 2')
      .waitFor();

    await page.getByRole('link', { name: 'Start', exact: true }).click();
    const editor = page.getByLabel('Request as JSON');
    await editor.fill('{"projectId": "demo", "workflow": {"nodes": [}}');
    await page.getByText('A value is missing here.').waitFor();
    await editor.fill('{"projectId": "demo", "workflow": {"nodes": [{"id": "a b", "type": "delay"}]}}');
    await page.locator('code', { hasText: 'workflow.nodes.0.id' }).waitFor();
    expect(await dashboard.button('Start').isDisabled()).toBe(true);
    await editor.fill('{"projectId": "demo", "workflow": {"nodes": [{"id": "a", "type": "magic"}]}}');
    await dashboard.button('Start').click();
    await page.getByText('The server found').waitFor();
    await page.locator('code', { hasText: 'workflow.nodes.0.type' }).waitFor();

    await page.getByRole('link', { name: 'API keys' }).click();
    await dashboard.button('New key').click();
    await page.getByLabel('Name').fill('nightly');
    await page.getByLabel('Projects').fill('demo');
    await dashboard.button('Create key').click();
    // The form has the same accessible name until the key was created.
    expect(await page.getByRole('textbox', { name: 'New key' }).inputValue()).toMatch(/^ca_/);
    await dashboard.button('I have stored it').click();
    await page.getByRole('button', { name: 'Revoke nightly' }).click();
    await dashboard.button('Revoke').click();
    await page
      .getByRole('row', { name: /nightly/ })
      .getByText('revoked')
      .waitFor();
    // The browser logs the refused request.
    dashboard.open.problems.splice(0);
  });

  it('shows the complete output after the browser was offline', async () => {
    dashboard = await DashboardPage.signedIn(browser, server, '/keys');
    const id = await startWriter(250);
    await dashboard.goto(`/executions/${id}`);
    await dashboard.node('writer', 'running');
    await dashboard.open.context.setOffline(true);
    const { lastSequence } = (await server.call('GET', `/api/executions/${id}`)).body;
    await new Watch(server.url, `/api/executions/${id}/stream?lastEventId=${lastSequence}`).until(
      ({ frames }) => frames.length >= 50,
    );
    await dashboard.open.context.setOffline(false);
    await dashboard.status('completed');
    expect(await dashboard.output('writer')).toBe(await journalOutput(id, 'writer'));
  });

  it('shows the complete output after a restart of the server', async () => {
    dashboard = await DashboardPage.signedIn(browser, server, '/keys');
    const id = await startWriter(250);
    await dashboard.goto(`/executions/${id}`);
    await dashboard.node('writer', 'running');
    await server.kill('SIGKILL');
    await dashboard.page.locator('.ca-head [data-connection=waiting]').waitFor();
    server = await Server.start(settings);
    await dashboard.status('completed');
    expect(await dashboard.output('writer')).toBe(await journalOutput(id, 'writer'));
  });

  it('shows the complete output after the page was frozen', async () => {
    dashboard = await DashboardPage.signedIn(browser, server, '/keys');
    const id = await startWriter(250);
    await dashboard.goto(`/executions/${id}`);
    await dashboard.node('writer', 'running');
    const session = await dashboard.open.context.newCDPSession(dashboard.page);
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    await new Watch(server.url, `/api/executions/${id}/stream`).done();
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    await dashboard.status('completed');
    expect(await dashboard.output('writer')).toBe(await journalOutput(id, 'writer'));
  });

  it('a native EventSource with a ticket resumes and stops at the end', async () => {
    const id = await startWriter(60);
    dashboard = await DashboardPage.signedIn(browser, server, '/executions');
    const { body: ticket } = await server.call('POST', `/api/executions/${id}/stream-tickets`);
    const read = (url: string) =>
      dashboard.page.evaluate(
        (address) =>
          new Promise<number[]>((resolve) => {
            const ids: number[] = [];
            const source = new EventSource(address);
            const record = (event: MessageEvent) => ids.push(Number(event.lastEventId));
            for (const type of ['started', 'step', 'output', 'progress', 'token-usage', 'cost-update'])
              source.addEventListener(`execution:${type}`, record);
            source.addEventListener('execution:completed', record);
            // It reconnects by itself, and the server then stops it with 204.
            source.addEventListener('error', () => {
              if (source.readyState === EventSource.CLOSED) resolve(ids);
            });
          }),
        url,
      );
    const answers: number[] = [];
    dashboard.page.on('response', (response) => {
      if (response.url().includes('/stream?ticket=')) answers.push(response.status());
    });
    const ids = await read(ticket.url);
    expect(ids).toEqual(Array.from({ length: ids.length }, (_unused, index) => index + 1));
    // It reconnects with the same ticket and Last-Event-ID, and the server has no more events.
    expect(answers).toEqual([200, 204]);
    const { body: again } = await server.call('POST', `/api/executions/${id}/stream-tickets`);
    expect(await read(`${again.url}&lastEventId=${ids.length - 2}`)).toEqual(ids.slice(-2));
    const { body: last } = await server.call('POST', `/api/executions/${id}/stream-tickets`);
    expect(await read(`${last.url}&lastEventId=${ids.length}`)).toEqual([]);
  });

  it('shows hostile output, inputs and labels as text', async () => {
    const text = HOSTILE.join('\n');
    const line = 'x'.repeat(999_999);
    const id = await server.startExecution({
      ...start([
        {
          ...agent('writer', { text, delayMs: 0, chunks: 5 }),
          data: { ...agent('writer', { text, delayMs: 0, chunks: 5 }).data, label: HOSTILE[0] },
        },
        agent('long', { text: line, delayMs: 0, chunks: 1 }),
      ]),
      input: text,
    });
    dashboard = await DashboardPage.signedIn(browser, server, `/executions/${id}`);
    const { page } = dashboard;
    await dashboard.status('completed');
    await page.locator('.step-node', { hasText: '<img' }).click();
    const shown = (await page.locator('.node-output').textContent()) ?? '';
    for (const part of HOSTILE.slice(0, 3)) expect(shown).toContain(part);
    expect(shown).toContain('␛[31mred␛[0m');
    expect(shown).toContain('invoice⟨RLO⟩fdp.exe');
    await page.getByLabel('Search events').fill('onerror');
    await page.locator('.event-row').first().click();
    await page.locator('.event-detail pre', { hasText: '<img' }).waitFor();
    await page.goto(new URL('/executions', server.url).href);
    await page.getByRole('link', { name: /<img/ }).waitFor();
    expect(await page.locator('main img, main script, main iframe, a[href^="javascript"]').count()).toBe(0);
    expect(await page.evaluate(() => 'hacked' in globalThis)).toBe(false);
  });

  it('makes invisible characters visible in names, tags, inputs and errors', async () => {
    const hidden = 'a\u202eb\u2066c\u200fd\u061ce\u200b';
    const shown = 'a⟨RLO⟩b⟨LRI⟩c⟨RLM⟩d⟨ALM⟩e⟨ZWSP⟩';
    const node = {
      id: 'bad',
      type: 'transform',
      data: { label: hidden, config: { expression: '$error(input)' } },
    };
    const id = await server.startExecution(start([node], [], { input: hidden, tags: [hidden] }));
    await new Watch(server.url, `/api/executions/${id}/stream`).done();
    await server.call('POST', '/api/keys', { name: hidden, projects: ['demo'], scopes: ['executions:read'] });
    dashboard = await DashboardPage.signedIn(browser, server, '/executions');
    const { page } = dashboard;
    const text = async () => (await page.locator('#root').textContent()) ?? '';
    const invisible = /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/;
    const row = page.locator('tr', { has: page.locator(`a[href="/executions/${id}"]`) });
    await row.waitFor();
    // In the title, the tag and the error.
    expect((await row.textContent())?.split(shown).length).toBe(4);
    expect(await text()).not.toMatch(invisible);
    await row.getByRole('link').click();
    await page.locator('.step-node', { hasText: shown }).click();
    await page.locator('.node-error', { hasText: shown }).waitFor();
    await page.locator('.event-row', { hasText: shown }).last().click();
    await page.locator('.event-detail').waitFor();
    expect(await text()).not.toMatch(invisible);
    await dashboard.goto('/keys');
    await page.getByRole('button', { name: `Revoke ${shown}` }).click();
    await page.getByRole('heading', { name: `Revoke “${shown}”?` }).waitFor();
    expect(await text()).not.toMatch(invisible);
  });

  it.each(['light', 'dark'] as const)(
    'is accessible in the %s theme',
    async (colorScheme) => {
      const { body } = await server.call('GET', '/api/executions?status=failed');
      const open = await browser.open({ colorScheme });
      await open.page.goto(server.url);
      await open.page.getByLabel('API key').waitFor();
      const found = [...(await seriousFindings(open.page))];
      await open.close();
      dashboard = await DashboardPage.signedIn(browser, server, '/executions', { colorScheme });
      const { page } = dashboard;
      const pages: [path: string, ready: string][] = [
        ['/executions', '.execution-link'],
        ['/start', '.step-node'],
        ['/keys', '.key-name'],
        [`/executions/${body.executions[0]!.id}`, '.event-row'],
      ];
      for (const [path, ready] of pages) {
        await dashboard.goto(path);
        await page.locator(ready).first().waitFor();
        expect(await page.locator('h1').count()).toBe(1);
        found.push(...(await seriousFindings(page)).map((finding) => `${path}: ${finding}`));
      }
      expect(found).toEqual([]);
    },
    90_000,
  );

  it('fits into a width of 360 px', async () => {
    const { body } = await server.call('GET', '/api/executions?status=failed');
    dashboard = await DashboardPage.signedIn(browser, server, '/executions', {
      viewport: { width: 360, height: 740 },
    });
    for (const path of ['/executions', '/start', '/keys', `/executions/${body.executions[0]!.id}`]) {
      await dashboard.goto(path);
      await dashboard.page.locator('.execution-link, .step-node, .key-name').first().waitFor();
      const width = await dashboard.page.evaluate(() => document.documentElement.scrollWidth);
      expect([path, width]).toEqual([path, 360]);
    }
  });
});
