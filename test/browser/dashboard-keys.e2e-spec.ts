import { DashboardStage } from '../support/dashboard-stage.js';

const DAY_MS = 86_400_000;

describe('Dashboard: keys', () => {
  const stage = new DashboardStage();

  it('shows when a key expires and that it has expired', async () => {
    const expiresAt = new Date(Date.now() + 90 * DAY_MS).toISOString();
    const request = { name: 'quarterly', projects: ['demo'], scopes: ['executions:read'] };
    await stage.server.call('POST', '/api/keys', { ...request, expiresAt });
    const dashboard = await stage.signIn('/executions');
    const { page } = dashboard;
    await page.clock.install();
    await dashboard.goto('/keys');
    const row = page.getByRole('row', { name: /quarterly/ });
    const expires = row.locator('td[data-label="Expires"]');
    await expires.getByText('in 90 days').waitFor();
    expect(await row.locator('td[data-label="Created"]').innerText()).toBe('just now');
    expect(await expires.locator('time').getAttribute('title')).toMatch(/20\d\d/);
    await page.clock.fastForward(90 * DAY_MS - 3_000_000);
    await expires.getByText('in 50 min.').waitFor();
    await page.clock.fastForward(2 * DAY_MS);
    await expires.getByText('yesterday').waitFor();
    await row.getByText('expired').waitFor();
    expect(await row.getByRole('button').count()).toBe(0);
  });

  it('shows an error at a field until the field is changed', async () => {
    const dashboard = await stage.signIn('/keys');
    const { page } = dashboard;
    await dashboard.button('New key').click();
    await page.getByLabel('Name').fill('nightly');
    await page.getByLabel('Projects').fill('no project');
    await dashboard.button('Create key').click();
    const fieldError = page.locator('.wrong-text');
    await fieldError.waitFor();
    await page.getByLabel('Projects').fill('demo');
    expect(await fieldError.count()).toBe(0);
    // The browser logs the refused request.
    dashboard.open.problems.splice(0);
  });

  it('creates a key that starts only saved workflows', async () => {
    const dashboard = await stage.signIn('/keys');
    const { page } = dashboard;
    await dashboard.button('New key').click();
    await page.getByLabel('Name').fill('partner');
    await page.getByLabel('Projects').fill('demo');
    await page.getByLabel('Starts only').fill('report@production, digest');
    await dashboard.button('Create key').click();
    await page.getByText('starts only report@production, digest').waitFor();
  });
});
