import { DashboardStage } from '../support/dashboard-stage.js';
import { pageFaults } from './page-faults.js';

const WORKFLOW = {
  nodes: [{ id: 'day', type: 'transform', data: { config: { expression: 'input.day' } } }],
  edges: [],
};

describe('Dashboard: schedules and triggers', () => {
  const stage = new DashboardStage({ SECRETS_KEY: `k1:${Buffer.alloc(32, 7).toString('base64')}` });
  beforeAll(async () => {
    await stage.server.call('PUT', '/api/workflows/demo/report', { workflow: WORKFLOW });
    await stage.server.call('PUT', '/api/secrets/demo/GITHUB', { value: 'shared with github 1' });
  });

  it('makes, runs, disables and deletes a schedule', async () => {
    const dashboard = await stage.signIn('/schedules?project=demo');
    const { page } = dashboard;
    const stored = async () => (await stage.server.call('GET', '/api/schedules/demo/nightly')).body;
    await dashboard.button('New schedule').click();
    await page.getByLabel('Name').fill('nightly');
    await page.getByLabel('Workflow').fill('report');
    await page.getByLabel('Cron').fill('30 2 * * 1-5');
    await page.getByLabel('Time zone').fill('Europe/Berlin');
    await page.getByLabel('If an earlier execution is open').selectOption('start after it has ended');
    await page.getByLabel('Input').fill('{"day": "today"}');
    await dashboard.button('Set schedule').click();
    const row = page.getByRole('row', { name: /nightly/ });
    await row.getByText('enabled', { exact: true }).waitFor();
    await row.getByText('Europe/Berlin').waitFor();
    expect(await stored()).toMatchObject({
      workflowRef: 'report',
      cron: '30 2 * * 1-5',
      overlap: 'enqueue',
      catchUp: 'one',
      input: { day: 'today' },
      enabled: true,
    });

    await dashboard.button('Run now: nightly').click();
    await dashboard.node('day', 'completed');
    const { body } = await stage.server.call('GET', `/api/executions/${page.url().split('/').at(-1)}`);
    expect(body).toMatchObject({ output: 'today', workflow: { name: 'report' } });
    await page.goBack();

    await dashboard.button('Disable nightly').click();
    await row.getByText('disabled', { exact: true }).waitFor();
    expect(await row.locator('td[data-label="Next run"]').innerText()).toBe('none');
    // A change keeps the schedule disabled.
    await dashboard.button('Change nightly').click();
    await page.getByLabel('Cron').fill('0 3 * * *');
    await dashboard.button('Set schedule').click();
    await row.getByText('0 3 * * *').waitFor();
    expect(await stored()).toMatchObject({ cron: '0 3 * * *', enabled: false, input: { day: 'today' } });
    await dashboard.button('Enable nightly').click();
    await row.getByText('enabled', { exact: true }).waitFor();

    await dashboard.button('Delete nightly').click();
    await dashboard.button('Keep schedule').click();
    await dashboard.button('Delete nightly').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No schedules yet').waitFor();
    expect((await stage.server.call('GET', '/api/schedules/demo/nightly')).status).toBe(404);
  });

  it('shows why a schedule cannot be run now', async () => {
    const inputSchema = { type: 'object', required: ['day'] };
    await stage.server.call('PUT', '/api/workflows/demo/strict', { workflow: WORKFLOW, inputSchema });
    const schedule = { workflowRef: 'strict', input: {}, cron: '0 3 * * *' };
    await stage.server.call('PUT', '/api/schedules/demo/strict', schedule);
    const dashboard = await stage.signIn('/schedules?project=demo');
    await dashboard.button('Run now: strict').click();
    await dashboard.page.getByText('input.day: is required').waitFor();
    await stage.server.call('DELETE', '/api/schedules/demo/strict');
    // The browser logs the refused request.
    dashboard.open.problems.splice(0);
  });

  it('shows what is wrong with a schedule at its field', async () => {
    const dashboard = await stage.signIn('/schedules?project=demo');
    const { page } = dashboard;
    await dashboard.button('New schedule').click();
    await page.getByLabel('Name').fill('wrong');
    await page.getByLabel('Workflow').fill('report');
    await page.getByLabel('Cron').fill('every day');
    await dashboard.button('Set schedule').click();
    const cron = page.locator('.field', { has: page.getByLabel('Cron') });
    await cron.locator('.wrong-text').waitFor();
    expect(await page.getByLabel('Cron').getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Cron').fill('0 3 * * *');
    expect(await page.locator('.wrong-text').count()).toBe(0);
    await page.getByLabel('Time zone').fill('Europe/Nowhere');
    await dashboard.button('Set schedule').click();
    await page
      .locator('.field', { has: page.getByLabel('Time zone') })
      .locator('.wrong-text')
      .waitFor();
    await dashboard.button('Cancel').click();
    expect(await page.getByLabel('Cron').count()).toBe(0);
    // The browser logs the refused requests.
    dashboard.open.problems.splice(0);
  });

  it('makes, changes, disables and deletes a trigger, and shows its address', async () => {
    const dashboard = await stage.signIn('/schedules?project=demo');
    const { page } = dashboard;
    await dashboard.button('New trigger').click();
    await page.getByLabel('Name').fill('push');
    await page.getByLabel('Workflow', { exact: true }).fill('report');
    await page.getByLabel('Secret').fill('GITHUB');
    await page.getByLabel('Input of the workflow').fill('{ "day": body.day }');
    await dashboard.button('Set trigger').click();
    const row = page.getByRole('row', { name: /push/ });
    await row.getByText('/api/hooks/demo/push').waitFor();
    await dashboard.button('Change push').click();
    expect(await page.getByLabel('Input of the workflow').inputValue()).toBe('{ "day": body.day }');
    await page.getByLabel('Sender').selectOption('Stripe');
    await dashboard.button('Set trigger').click();
    await row.getByText('stripe').waitFor();
    await dashboard.button('Disable push').click();
    await row.getByText('disabled', { exact: true }).waitFor();
    const { body } = await stage.server.call('GET', '/api/triggers/demo/push');
    expect(body).toMatchObject({ source: 'stripe', map: '{ "day": body.day }', enabled: false });
    await dashboard.button('Delete push').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No triggers yet').waitFor();
  });

  it('shows a key only what it may manage', async () => {
    const key = await stage.makeKey('planner', ['schedules:manage']);
    const dashboard = await stage.signIn('/schedules', { key });
    await dashboard.page.getByText('No schedules yet').waitFor();
    // Setting a schedule starts executions, which this key may not.
    expect(await dashboard.button('New schedule').count()).toBe(0);
    expect(await dashboard.page.getByRole('region', { name: 'Triggers' }).count()).toBe(0);
  });

  it.each([
    ['light', 1280],
    ['dark', 360],
  ] as const)('is accessible in the %s theme at a width of %i px', async (colorScheme, width) => {
    const options = { colorScheme, viewport: { width, height: 800 } };
    const schedule = { workflowRef: 'report', cron: '0 0 1 1 *' };
    await stage.server.call('PUT', '/api/schedules/demo/yearly', schedule);
    const trigger = { workflowRef: 'report', source: 'github', secret: 'GITHUB' };
    await stage.server.call('PUT', '/api/triggers/demo/issues', trigger);
    const dashboard = await stage.signIn('/schedules?project=demo', options);
    const { page } = dashboard;
    await page.getByText('/api/hooks/demo/issues').waitFor();
    await dashboard.button('New schedule').click();
    await dashboard.button('New trigger').click();
    const found = await pageFaults(page);
    // The whole form can be used with the keyboard.
    await page.getByRole('form', { name: 'New schedule' }).getByLabel('Name').focus();
    for (const label of ['Workflow', 'Cron', 'Time zone']) {
      await page.keyboard.press('Tab');
      const focused = page.getByRole('form', { name: 'New schedule' }).getByLabel(label);
      expect(await focused.evaluate((field) => field === document.activeElement)).toBe(true);
    }
    await dashboard.button('Delete yearly').click();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect((await stage.server.call('GET', '/api/schedules/demo/yearly')).status).toBe(200);
    expect(found).toEqual([]);
  });
});
