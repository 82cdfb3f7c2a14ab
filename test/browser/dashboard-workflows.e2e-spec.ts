import type { Page } from 'playwright-core';
import { DashboardStage } from '../support/dashboard-stage.js';
import { pageFaults } from './page-faults.js';

const greeting = (word: string) => ({
  nodes: [
    { id: 'greet', type: 'transform', data: { config: { expression: `"${word}, " & input.name & "!"` } } },
  ],
  edges: [],
});
const INPUT_SCHEMA = {
  type: 'object',
  properties: { name: { type: 'string', title: 'Name', minLength: 2 } },
  required: ['name'],
};

describe('Dashboard: saved workflows', () => {
  const stage = new DashboardStage();
  const save = (name: string, content: object) =>
    stage.server.call('PUT', `/api/workflows/demo/${name}`, content);
  const shownExecution = async (page: Page) =>
    (await stage.server.call('GET', `/api/executions/${page.url().split('/').at(-1)}`)).body;

  beforeAll(async () => {
    await save('greet', { workflow: greeting('Hello'), inputSchema: INPUT_SCHEMA, description: 'Greets.' });
    await stage.server.call('PUT', '/api/workflows/demo/greet/aliases/production', { version: 1 });
    await save('greet', { workflow: greeting('Bye'), inputSchema: INPUT_SCHEMA, description: 'Says bye.' });
  });

  it('runs a saved workflow from the Start page, with a form made from its input schema', async () => {
    const dashboard = await stage.signIn('/start');
    const { page } = dashboard;
    await page
      .getByRole('navigation', { name: 'Saved workflows' })
      .getByRole('link', { name: /greet/ })
      .click();
    await page.getByRole('heading', { name: 'Workflow greet' }).waitFor();
    await dashboard.button('Run version 2').click();
    // The form checks the input before it is sent.
    expect(await page.getByLabel('Name', { exact: true }).getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Name', { exact: true }).fill('Ada');
    await dashboard.button('Run version 2').click();
    await dashboard.node('greet', 'completed');
    expect(await shownExecution(page)).toMatchObject({
      input: { name: 'Ada' },
      output: 'Bye, Ada!',
      workflow: { name: 'greet', version: 2 },
    });
  });

  it('runs an older version with an input as JSON, and shows a refused input at its field', async () => {
    const dashboard = await stage.signIn('/workflows/demo/greet?version=1');
    const { page } = dashboard;
    await dashboard.button('Write JSON').click();
    const input = page.getByLabel('Input', { exact: true });
    await input.fill('{"name":"A"}');
    await dashboard.button('Run version 1').click();
    await page.locator('.wrong-text', { hasText: 'input.name' }).waitFor();
    expect(await input.getAttribute('aria-invalid')).toBe('true');
    await input.fill('{"name":"Ada"}');
    await dashboard.button('Run version 1').click();
    await dashboard.node('greet', 'completed');
    expect(await shownExecution(page)).toMatchObject({ output: 'Hello, Ada!', workflow: { version: 1 } });
    // The browser logs the refused request.
    dashboard.open.problems.splice(0);
  });

  it('shows versions and what changed between them, and moves an alias', async () => {
    const dashboard = await stage.signIn('/workflows');
    const { page } = dashboard;
    await page.getByText('production → 1').waitFor();
    await page.getByRole('link', { name: 'greet', exact: true }).click();
    const changes = page.getByRole('region', { name: 'Changes' });
    await changes.getByText('/workflow/nodes/greet/data/config/expression').waitFor();
    expect(await changes.getByLabel('Before').allTextContents()).toContain('"Hello, " & input.name & "!"');
    expect(await changes.getByLabel('After').allTextContents()).toContain('"Bye, " & input.name & "!"');
    await changes.getByLabel('From').selectOption('2');
    await changes.getByText('The versions are equal.').waitFor();
    await dashboard.button('Show version 1').click();
    await page.getByText('Greets.').first().waitFor();
    expect(page.url()).toMatch(/\?version=1$/);
    // The first version is compared with the next one.
    await changes.getByText('/workflow/nodes/greet/data/config/expression').waitFor();
    expect(await changes.getByLabel('From').inputValue()).toBe('1');
    expect(await changes.getByLabel('To', { exact: true }).inputValue()).toBe('2');
    await dashboard.button('Show version 2').click();
    await dashboard.button('Point it to version 2').click();
    await page.getByText('production → 2').waitFor();
    const { body } = await stage.server.call('GET', '/api/workflows/demo/greet?version=production');
    expect(body).toMatchObject({ version: 2 });
    await page.getByLabel('Alias', { exact: true }).fill('beta');
    await dashboard.button('Point it to version 2').click();
    await page.getByText('beta → 2').waitFor();
    await dashboard.button('Delete alias').click();
    await page.getByText('beta → 2').waitFor({ state: 'detached' });
  });

  it('says that a workflow does not exist, and which scope a key lacks', async () => {
    const dashboard = await stage.signIn('/workflows/demo/nothing');
    await dashboard.page.getByText('There is no such workflow or version, or your key').waitFor();
    await dashboard.goto('/workflows?project=no%20project');
    await dashboard.page.locator('.wrong:not(:empty)').waitFor();
    // The browser logs the refused requests.
    dashboard.open.problems.splice(0);
    const key = await stage.makeKey('runner', ['executions:read', 'executions:write']);
    const other = await stage.signIn('/workflows', { key });
    await other.page.getByText('This page needs a key with the scope').waitFor();
    await other.goto('/start');
    await other.page.getByLabel('Request as JSON').waitFor();
    expect(await other.page.getByRole('navigation', { name: 'Saved workflows' }).count()).toBe(0);
  });

  it('offers a key that may only read neither a run nor an alias', async () => {
    const key = await stage.makeKey('reader', ['workflows:read']);
    const { page } = await stage.signIn('/workflows/demo/greet', { key });
    await page
      .getByRole('region', { name: 'Versions' })
      .getByText('version 2')
      .or(page.getByText('shown above'))
      .first()
      .waitFor();
    expect(await page.getByRole('button', { name: /^Run version/ }).count()).toBe(0);
    expect(await page.getByLabel('Alias', { exact: true }).count()).toBe(0);
  });

  it.each([
    ['light', 1280],
    ['dark', 360],
  ] as const)('is accessible in the %s theme at a width of %i px', async (colorScheme, width) => {
    const options = { colorScheme, viewport: { width, height: 800 } };
    const dashboard = await stage.signIn('/start', options);
    const { page } = dashboard;
    await page.getByRole('navigation', { name: 'Saved workflows' }).waitFor();
    const found = await pageFaults(page);
    await dashboard.goto('/workflows');
    await page.getByRole('link', { name: 'greet', exact: true }).waitFor();
    found.push(...(await pageFaults(page)));
    await dashboard.goto('/workflows/demo/greet');
    await page.getByLabel('Before').first().waitFor();
    await dashboard.button('Run version 2').click();
    found.push(...(await pageFaults(page)));
    await dashboard.button('Write JSON').click();
    found.push(...(await pageFaults(page)));
    expect(found).toEqual([]);
  });
});
