import { DashboardStage } from '../support/dashboard-stage.js';

describe('Dashboard: start page', () => {
  const stage = new DashboardStage();
  const workflow = (id: string) => ({ nodes: [{ id, type: 'delay', data: { config: { ms: 1 } } }] });

  it('keeps the text of the editor when the user leaves the page and returns', async () => {
    const dashboard = await stage.signIn('/start');
    const { page } = dashboard;
    const editor = page.getByLabel('Request as JSON');
    const text = JSON.stringify({ projectId: 'demo', input: 'mine', workflow: workflow('draft') });
    await editor.fill(text);
    await page.locator('.step-node', { hasText: 'draft' }).waitFor();
    await page.getByRole('link', { name: 'API keys' }).click();
    await page.getByRole('heading', { name: 'API keys' }).waitFor();
    await page.goBack();
    expect(await editor.inputValue()).toBe(text);
    await page.reload();
    expect(await editor.inputValue()).toBe(text);
    await dashboard.button('Start').click();
    await page.locator('.run-head').waitFor();
    await page.goBack();
    expect(await editor.inputValue()).toBe(text);
    // A template replaces the text, and the text can be restored.
    await page.getByText('Approval', { exact: true }).click();
    expect(await editor.inputValue()).not.toBe(text);
    await page.reload();
    expect(await page.getByRole('radio', { name: 'Approval' }).isChecked()).toBe(true);
    await dashboard.button('Restore my text').click();
    expect(await editor.inputValue()).toBe(text);
  });

  it('deletes the text when the user signs out', async () => {
    const dashboard = await stage.signIn('/start');
    const { page } = dashboard;
    const editor = page.getByLabel('Request as JSON');
    await editor.fill('{"secret": 1}');
    await dashboard.button('Sign out').click();
    await dashboard.signIn(await stage.makeKey('next', ['executions:write']));
    expect(await editor.inputValue()).not.toContain('secret');
  });

  it('counts the problems of the request', async () => {
    const { page } = await stage.signIn('/start');
    const editor = page.getByLabel('Request as JSON');
    await editor.fill('{"projectId": "demo"}');
    await page.getByText('There is one problem to correct').waitFor();
    await editor.fill('{"workflow": 1}');
    await page.getByText('There are 2 problems to correct').waitFor();
    await editor.fill(JSON.stringify({ projectId: 'demo', workflow: workflow('a') }));
    await page.getByText('Valid JSON. Node configs and models are checked when you start.').waitFor();
  });

  it('hides a failure when the text has changed', async () => {
    const dashboard = await stage.signIn('/start');
    const { page } = dashboard;
    const editor = page.getByLabel('Request as JSON');
    const unknown = {
      nodes: [
        { id: 'a', type: 'magic' },
        { id: 'b', type: 'magic' },
      ],
    };
    await editor.fill(JSON.stringify({ projectId: 'demo', workflow: unknown }));
    await dashboard.button('Start').click();
    await page.getByText('The server found 2 problems to correct').waitFor();
    await editor.fill(JSON.stringify({ projectId: 'demo', workflow: workflow('a') }));
    await page.getByText('Valid JSON.').waitFor();
    expect(await page.locator('.notice').count()).toBe(0);
    await dashboard.open.context.setOffline(true);
    await dashboard.button('Start').click();
    await page.getByText('The execution was not started.').waitFor();
    await editor.fill(JSON.stringify({ projectId: 'demo', workflow: workflow('b') }));
    expect(await page.locator('.notice').count()).toBe(0);
    // The browser logs the refused request.
    dashboard.open.problems.splice(0);
  });
});
