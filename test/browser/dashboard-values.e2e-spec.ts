import { DashboardStage } from '../support/dashboard-stage.js';
import { pageFaults } from './page-faults.js';

const VALUE = 'crm_3d1f0c9a5b7e4826';
const OTHER_VALUE = 'crm_99aa0c9a5b7e4826';

describe('Dashboard: secrets and variables', () => {
  const stage = new DashboardStage({ SECRETS_KEY: `k1:${Buffer.alloc(32, 7).toString('base64')}` });

  it('sets a secret and never shows its value again', async () => {
    const dashboard = await stage.signIn('/values?project=demo');
    const { page } = dashboard;
    const answers: string[] = [];
    page.on('response', (response) => {
      if (response.url().includes('/api/secrets')) void response.text().then((text) => answers.push(text));
    });
    await page.getByText('No secrets yet').waitFor();
    await dashboard.button('New secret').click();
    await page.getByLabel('Name').fill('CRM_TOKEN');
    const value = page.getByLabel('Value');
    expect(await value.getAttribute('type')).toBe('password');
    await value.fill(VALUE);
    await page.getByLabel('Allowed hosts').fill('api.example.com, *.example.org');
    await dashboard.button('Set secret').click();
    const row = page.getByRole('row', { name: /CRM_TOKEN/ });
    await row.getByText('api.example.com, *.example.org').waitFor();
    expect(await page.content()).not.toContain(VALUE);
    await page.reload();
    await row.waitFor();
    expect(await page.content()).not.toContain(VALUE);

    // Setting it again begins with an empty value.
    await dashboard.button('Change CRM_TOKEN').click();
    expect(await page.getByLabel('Value').inputValue()).toBe('');
    expect(await page.getByLabel('Name').inputValue()).toBe('CRM_TOKEN');
    await page.getByLabel('Value').fill(OTHER_VALUE);
    await dashboard.button('Set secret').click();
    await dashboard.button('New secret').waitFor();
    const stored = await page.evaluate(() =>
      JSON.stringify([localStorage, sessionStorage].map(Object.entries)),
    );
    for (const shown of [await page.content(), stored, page.url(), ...answers]) {
      expect(shown).not.toContain(VALUE);
      expect(shown).not.toContain(OTHER_VALUE);
    }
    expect(answers.length).toBeGreaterThan(2);

    await dashboard.button('Delete CRM_TOKEN').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No secrets yet').waitFor();
    const { body } = await stage.server.call('GET', '/api/secrets?projectId=demo');
    expect(body).toEqual({ secrets: [] });
  });

  it('shows what is wrong at the field, and clears the refused value', async () => {
    const dashboard = await stage.signIn('/values?project=demo');
    const { page } = dashboard;
    await dashboard.button('New secret').click();
    await page.getByLabel('Name').fill('1ST');
    await page.getByLabel('Value').fill('short');
    await page.getByLabel('Allowed hosts').fill('https://api.example.com');
    await dashboard.button('Set secret').click();
    await page.getByText('Type its value again').waitFor();
    expect(await page.getByLabel('Value').inputValue()).toBe('');
    await page.getByLabel('Name').fill('FIRST');
    await page.getByLabel('Value').fill('short');
    await dashboard.button('Set secret').click();
    await page.locator('.field', { hasText: 'Value' }).getByText('at least 8 characters').waitFor();
    await page.locator('.field', { hasText: 'Allowed hosts' }).getByText('must be a host such as').waitFor();
    expect(await page.getByLabel('Value').getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Value').fill(VALUE);
    expect(await page.locator('.wrong-text').count()).toBe(0);
    // The browser logs the refused requests.
    dashboard.open.problems.splice(0);
  });

  it('sets a variable, which a workflow reads, and deletes it', async () => {
    const dashboard = await stage.signIn('/values?project=demo');
    const { page } = dashboard;
    await dashboard.button('New variable').click();
    await page.getByLabel('Name').fill('REGION');
    await page.getByLabel('Value').fill('{"name": "eu"}');
    await dashboard.button('Set variable').click();
    await page
      .getByRole('row', { name: /REGION/ })
      .getByText('{"name":"eu"}')
      .waitFor();
    const { body } = await stage.server.call('GET', '/api/variables/demo/REGION');
    expect(body).toMatchObject({ value: { name: 'eu' } });
    await dashboard.button('Delete REGION').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No variables yet').waitFor();
  });

  it('says that a project is not one of the key', async () => {
    const key = await stage.makeKey('values', ['secrets:manage', 'workflows:read']);
    const dashboard = await stage.signIn('/values?project=other', { key });
    await dashboard.page.getByText('Your key has no access to this project.').first().waitFor();
    await dashboard.page.getByLabel('Project').selectOption('demo');
    await dashboard.page.getByText('No variables yet').waitFor();
    // This key may read variables, but not set them.
    expect(await dashboard.button('New variable').count()).toBe(0);
    // The browser logs the refused requests.
    dashboard.open.problems.splice(0);
  });

  it.each([
    ['light', 1280],
    ['dark', 360],
  ] as const)('is accessible in the %s theme at a width of %i px', async (colorScheme, width) => {
    const options = { colorScheme, viewport: { width, height: 800 } };
    await stage.server.call('PUT', '/api/secrets/demo/SHOWN', { value: VALUE });
    await stage.server.call('PUT', '/api/variables/demo/LONG', { value: 'x'.repeat(500) });
    const dashboard = await stage.signIn('/values?project=demo', options);
    const { page } = dashboard;
    await page.getByText('xxxx').waitFor();
    await dashboard.button('New secret').click();
    await dashboard.button('New variable').click();
    const found = await pageFaults(page);
    await dashboard.button('Delete SHOWN').click();
    await page.getByRole('dialog').waitFor();
    found.push(...(await pageFaults(page)));
    expect(found).toEqual([]);
  });
});
