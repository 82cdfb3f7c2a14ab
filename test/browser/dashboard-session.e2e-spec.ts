import type { Page } from 'playwright-core';
import { DashboardStage } from '../support/dashboard-stage.js';
import { delay, start } from '../support/watch.js';

describe('Dashboard: session', () => {
  const stage = new DashboardStage();
  const startWaiting = () =>
    stage.server.startExecution(start([{ id: 'boss', type: 'approval', data: {} }, delay('long', 600_000)]));
  const currentPages = (page: Page) => page.locator('nav a[aria-current]').allInnerTexts();

  it('marks the current page in the navigation, also directly after signing in', async () => {
    const { page } = await stage.signIn('/');
    expect(await currentPages(page)).toEqual(['Executions']);
    await page.getByRole('link', { name: 'Start', exact: true }).first().click();
    await page.getByRole('heading', { name: 'Start an execution' }).waitFor();
    expect(await currentPages(page)).toEqual(['Start']);
    await page.getByRole('link', { name: 'CloutAgent' }).click();
    expect(await currentPages(page)).toEqual(['Executions']);
  });

  it.each(['ctrl', 'middle'] as const)('a tab opened by a %s-click shares the session', async (how) => {
    const id = await startWaiting();
    const { page, open } = await stage.signIn('/executions');
    const link = page.locator(`a[href="/executions/${id}"]`);
    const tab = await open.openTab(() =>
      link.click(how === 'ctrl' ? { modifiers: ['ControlOrMeta'] } : { button: 'middle' }),
    );
    await tab.locator('.step-node').first().waitFor();
    expect(new URL(tab.url()).pathname).toBe(`/executions/${id}`);
    await page.getByRole('heading', { name: 'Executions' }).waitFor();
  });

  it('a new tab uses the key of the tab that was used last', async () => {
    const reader = await stage.makeKey('reader', ['executions:read']);
    const first = await stage.signIn('/executions');
    const second = await first.open.context.newPage();
    await second.goto(new URL('/executions', stage.server.url).href);
    await second.getByRole('button', { name: 'Sign out' }).click();
    await first.page.getByText('You signed out in another tab.').waitFor();
    await first.signIn(reader);
    await second.getByLabel('API key').fill(await stage.makeKey('writer', ['executions:write']));
    await second.getByRole('button', { name: 'Sign in' }).click();
    await second.getByRole('link', { name: 'Start', exact: true }).first().waitFor();
    await first.page.getByRole('heading', { name: 'Executions' }).click();
    const third = await first.open.context.newPage();
    await third.goto(new URL('/executions', stage.server.url).href);
    await third.getByRole('navigation', { name: 'Main' }).waitFor();
    expect(await third.locator('nav li').allInnerTexts()).toEqual(['Executions', 'Inbox']);
  });

  it('stays signed out when the page is reloaded', async () => {
    const { page, open } = await stage.signIn('/keys');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('API key').waitFor();
    const other = await open.context.newPage();
    await other.goto(new URL('/keys', stage.server.url).href);
    await other.getByLabel('API key').fill(await stage.makeKey('m', ['keys:manage'], ['*']));
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('heading', { name: 'API keys' }).waitFor();
    await page.reload();
    await page.getByLabel('API key').waitFor();
  });

  it('offers no actions to a key that may only read', async () => {
    const id = await startWaiting();
    const key = await stage.makeKey('reader', ['executions:read']);
    const dashboard = await stage.signIn('/executions', { key });
    const { page } = dashboard;
    const actions = page.getByRole('button', { name: /^(Start|Pause|Cancel|Approve|Reject|New key|Revoke)/ });
    await page.locator(`a[href="/executions/${id}"]`).waitFor();
    expect(await page.locator('nav li').allInnerTexts()).toEqual(['Executions', 'Inbox']);
    expect(await page.locator('main a[href="/start"]').count()).toBe(0);
    await dashboard.goto(`/executions/${id}`);
    await dashboard.node('boss', 'approval');
    await page.locator('.ca-wait-approval').waitFor();
    expect(await actions.count()).toBe(0);
    for (const [path, scope] of [
      ['/start', 'executions:write'],
      ['/keys', 'keys:manage'],
    ] as const) {
      await dashboard.goto(path);
      await page.getByText(`This page needs a key with the scope ${scope}`).waitFor();
      expect(await actions.count()).toBe(0);
    }
  });

  it('a key can create only keys with its own scopes and projects', async () => {
    const key = await stage.makeKey('manager', ['executions:read', 'keys:manage']);
    const dashboard = await stage.signIn('/executions', { key });
    const { page } = dashboard;
    await page.getByRole('link', { name: 'API keys' }).click();
    await dashboard.button('New key').click();
    expect(await page.locator('.key-scope-choices code').allInnerTexts()).toEqual([
      'executions:read',
      'keys:manage',
    ]);
    expect(await page.getByLabel('Projects').inputValue()).toBe('demo');
    expect(await page.locator('form').innerText()).not.toContain('* for all');
  });

  it('explains to a key without executions:read which scope is missing', async () => {
    const key = await stage.makeKey('writer', ['executions:write']);
    const { page } = await stage.signIn('/', { key });
    await page.getByText('This page needs a key with the scope executions:read').waitFor();
    expect(await page.locator('nav li').allInnerTexts()).toEqual(['Start']);
  });
});
