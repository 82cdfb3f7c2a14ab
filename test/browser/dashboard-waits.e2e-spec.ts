import { randomUUID } from 'node:crypto';
import { seriousFindings } from '../support/accessibility.js';
import { DashboardStage } from '../support/dashboard-stage.js';
import { pathOf, start, Watch } from '../support/watch.js';

describe('Dashboard: waits, branches, children and re-runs', () => {
  const stage = new DashboardStage({ RETRY_BASE_MS: '1' });
  const constant = (id: string, expression = '1') => ({
    id,
    type: 'transform',
    data: { config: { expression } },
  });
  const run = (nodes: object[], edges: object[], more: object = {}): Promise<string> => {
    const request = start(nodes);
    return stage.server.startExecution({ ...request, ...more, workflow: { ...request.workflow, edges } });
  };
  const ask = (message: string) => ({ id: 'ask', type: 'approval', data: { config: { message } } });

  it('lists what can be answered, answers it, and follows new questions', async () => {
    // Questions that an earlier, failed attempt at this test left open are in another project.
    const projectId = `inbox-${randomUUID()}`;
    const id = await run([ask('Publish the page?')], [], { projectId });
    const dashboard = await stage.signIn(`/inbox?project=${projectId}`);
    const { page } = dashboard;
    const item = (text: string) => page.locator('.inbox-item', { hasText: text });
    await item('Publish the page?').waitFor();
    expect(await page.locator('.inbox-item').count()).toBe(1);
    expect(await seriousFindings(page)).toEqual([]);
    await run([{ id: 'paid', type: 'wait', data: { config: { signal: 'payment' } } }], [], {
      projectId,
    });
    await item('payment').waitFor();
    await page.getByRole('button', { name: 'approvals' }).click();
    await item('payment').waitFor({ state: 'detached' });
    expect(new URL(page.url()).search).toBe(`?project=${projectId}&kind=approval`);
    await item('Publish the page?').getByLabel('Comment').fill('go');
    await item('Publish the page?').getByRole('button', { name: 'Approve' }).click();
    await item('Publish the page?').waitFor({ state: 'detached' });
    await page.getByText('Nothing to answer').waitFor();
    // The wait ends in the inbox before the execution ends.
    await new Watch(stage.server.url, pathOf(id)).done();
    const { body } = await stage.server.call('GET', `/api/executions/${id}`);
    expect(body.output).toMatchObject({ approved: true, comment: 'go' });
  });

  it('offers no form to a key that may only read', async () => {
    await run([ask('Only to read?')], []);
    const key = await stage.makeKey('reader', ['executions:read']);
    const { page } = await stage.signIn('/inbox', { key });
    const item = page.locator('.inbox-item', { hasText: 'Only to read?' });
    await item.waitFor();
    expect(await item.getByRole('button').count()).toBe(0);
  });

  it('explains that a wait is for another principal', async () => {
    const assignees = ['key:0199c0de-0000-7000-8000-000000000001'];
    await run([{ id: 'ask', type: 'approval', data: { config: { message: 'For Ann?', assignees } } }], []);
    const key = await stage.makeKey('controller', ['executions:read', 'executions:control']);
    const dashboard = await stage.signIn('/inbox', { key });
    const item = dashboard.page.locator('.inbox-item', { hasText: 'For Ann?' });
    await item.getByRole('button', { name: 'Approve' }).click();
    await item.getByRole('alert').getByText('names the principals').waitFor();
    // The browser logs the 403.
    expect(dashboard.open.problems.splice(0)).toEqual([expect.stringContaining('403')]);
    await dashboard.page.getByRole('button', { name: 'me', exact: true }).click();
    await item.waitFor({ state: 'detached' });
  });

  it('draws the branch that is not taken in grey, and says when an edge is taken', async () => {
    const id = await run(
      [constant('score', '7'), constant('large'), constant('small'), constant('end')],
      [
        { source: 'score', target: 'large', when: 'nodes.score.output > 100' },
        { source: 'score', target: 'small', otherwise: true },
        { source: 'large', target: 'end' },
        { source: 'small', target: 'end' },
      ],
    );
    const dashboard = await stage.signIn(`/executions/${id}?node=score`);
    const { page } = dashboard;
    await dashboard.node('large', 'skipped');
    await dashboard.node('end', 'completed');
    const classes = async (index: number) =>
      (await page.locator(`.react-flow__edge[data-id="${index}"]`).getAttribute('class')) ?? '';
    expect(await classes(0)).toContain('not-taken');
    expect(await classes(1)).toContain('done');
    expect(await classes(2)).toContain('not-taken');
    expect(await classes(3)).toContain('done');
    expect(await page.locator('.react-flow__edge-text').allTextContents()).toEqual(['if', 'otherwise']);
    await page.getByText('3 of 4 nodes completed, 1 skipped').waitFor();
    await page.getByText('taken: small; not taken: large').waitFor();
    await page.locator('.event-row', { hasText: 'takes edges[1] · not edges[0]' }).waitFor();
    expect(await seriousFindings(page)).toEqual([]);
  });

  it('leads from an execution to its children and back, and runs it again', async () => {
    const inner = { nodes: [constant('odd', 'input = 2 ? $error("even") : input')] };
    const each = { id: 'each', type: 'map', data: { config: { items: [1, 2], workflow: inner } } };
    const id = await run([constant('first'), each], [{ source: 'first', target: 'each' }]);
    const dashboard = await stage.signIn(`/executions/${id}`);
    const { page } = dashboard;
    await dashboard.status('failed');
    const children = page.getByRole('region', { name: 'Child executions' });
    await children.locator('tbody tr').nth(1).waitFor();
    await children.locator('tr', { hasText: 'failed' }).getByRole('link').first().click();
    await page.getByText(/^child \d of/).waitFor();
    await page.getByRole('link', { name: /\(each\)$/ }).click();
    await page.getByRole('region', { name: 'Node each' }).waitFor();
    await dashboard.button('Re-run from the failed nodes').click();
    await page.getByText('re-run of').waitFor();
    expect(page.url()).not.toContain(id);
    await page.locator('.step-node', { hasText: 'first' }).getByText('kept').waitFor();
    await page.locator('.ca-step', { hasText: 'Kept from' }).getByRole('link', { name: id }).click();
    await page.locator('.step-node', { hasText: 'first' }).click();
    await dashboard.button('Re-run from this node').click();
    await page.getByText('re-run of').waitFor();
    await dashboard.node('first', 'completed');
  });
});
