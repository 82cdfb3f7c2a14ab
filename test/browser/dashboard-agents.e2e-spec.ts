import { randomUUID } from 'node:crypto';
import { seriousFindings } from '../support/accessibility.js';
import { interruptedAgent, KEPT_OUTPUT, noisePng } from '../support/agent-journal.js';
import { DashboardStage } from '../support/dashboard-stage.js';
import { type FakeModelServer, startFakeModelServer } from '../support/fake-providers.js';
import { ToolEndpoint } from '../support/tool-endpoint.js';
import { WaitRows } from '../support/wait-rows.js';
import { agent, pathOf, start, Watch } from '../support/watch.js';

describe('Dashboard: agents', () => {
  const settings: Record<string, string> = { HTTP_ALLOWED_HOSTS: '127.0.0.1', RETRY_BASE_MS: '1' };
  let model: FakeModelServer;
  let tool: ToolEndpoint;
  let rows: WaitRows;
  beforeAll(async () => {
    model = await startFakeModelServer();
    tool = await ToolEndpoint.start();
    Object.assign(settings, { ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'test-key' });
  });
  const stage = new DashboardStage(settings);
  beforeAll(async () => {
    rows = await WaitRows.open(settings['DATABASE_URL']!);
  });
  beforeEach(() => tool.requests.splice(0));
  afterAll(async () => {
    await rows?.close();
    await tool.close();
    await model.close();
  });

  const call = (...amounts: number[]) => ({
    toolCalls: amounts.map((amount) => ({ name: 'pay', args: { amount } })),
  });
  const paying = (approval: object | string, projectId: string) => {
    const pay = {
      name: 'pay',
      description: 'Pays an amount.',
      inputSchema: { type: 'object' },
      http: { url: `${tool.url}/pay` },
      approval,
    };
    const config = { model: 'anthropic/m', prompt: 'Pay.', providerOptions: {}, tools: [pay] };
    return stage.server.startExecution({ ...start([agent('payer', {}, config)]), projectId });
  };

  it('answers several tool calls in the inbox: as they are, with changed arguments, and denied', async () => {
    model.script({ ...call(5, 500, 900, 901), text: ['I pay.'] }, { text: ['Done.'] });
    const projectId = `tools-${randomUUID()}`;
    const approval = { when: 'args.amount > 100', message: 'Pay this?', expiresInMs: 3_600_000 };
    const id = await paying(approval, projectId);
    const dashboard = await stage.signIn(`/inbox?project=${projectId}`);
    const { page } = dashboard;
    const item = (amount: number) => page.locator('.inbox-item', { hasText: `"amount": ${amount}` });
    await item(901).waitFor();
    expect(await page.locator('.inbox-item').count()).toBe(3);
    expect(await item(500).innerText()).toMatch(/Tool call needs approval: payer, pay[\s\S]*Expires in/);
    expect(tool.requests.map(({ body }) => body)).toEqual(['{"amount":5}']);
    const run = await stage.signIn(`/executions/${id}?node=payer`);
    await run.page.locator('.step-node', { hasText: 'needs 3 approvals' }).waitFor();

    await item(900).getByRole('button', { name: 'Change the arguments' }).click();
    await item(900).getByLabel('Arguments (JSON)').fill('{"amount": 90}');
    expect(await seriousFindings(page)).toEqual([]);
    await item(900).getByRole('button', { name: 'Approve with these arguments' }).click();
    await item(900).waitFor({ state: 'detached' });
    await item(901).getByLabel('Reason').fill('too much');
    await item(901).getByRole('button', { name: 'Deny' }).click();
    await item(901).waitFor({ state: 'detached' });
    await item(500).getByRole('button', { name: 'Approve' }).click();
    await page.getByText('Nothing to answer').waitFor();

    await new Watch(stage.server.url, pathOf(id)).done();
    await run.status('completed');
    expect(tool.requests.map(({ body }) => body).toSorted()).toEqual([
      '{"amount":500}',
      '{"amount":5}',
      '{"amount":90}',
    ]);
    expect(await run.output('payer')).toBe('I pay.Done.');
    const denied = run.page.locator('.ca-tool', { hasText: 'denied' });
    expect(await denied.textContent()).toContain('Reason: too much');
    await run.page.locator('.ca-tool', { hasText: 'with changed arguments' }).locator('summary').click();
    await run.page.getByLabel('changed arguments of pay', { exact: true }).getByText('90').waitFor();
    await run.page.locator('.event-row', { hasText: 'with changed arguments {"amount":90}' }).waitFor();
  });

  it('keeps the finished round of an agent that breaks off, for a watcher from the start and for a later one', async () => {
    tool.hold = true;
    model.script(
      { ...call(1), text: ['I pay. '] },
      { text: ['Nobody', ' keeps', ' this'], ending: 'reset', after: 4 },
      { text: ['Paid', ' it.'], stopReason: 'length' },
    );
    const id = await paying('never', 'demo');
    await tool.received(1);
    const dashboard = await stage.signIn(`/executions/${id}?node=payer`);
    await dashboard.node('payer', 'running');
    tool.release();
    await dashboard.status('completed');
    for (const visit of ['live', 'later']) {
      if (visit === 'later') await dashboard.page.reload();
      await dashboard.status('completed');
      await dashboard.page.locator('.step-node', { hasText: 'answer cut off' }).waitFor();
      expect(await dashboard.output('payer')).toBe('I pay. Paid it.');
      const panel = dashboard.page.getByRole('region', { name: 'Node payer' });
      expect(await panel.locator('.node-steps li').allInnerTexts()).toEqual([
        expect.stringContaining('its finished work is kept'),
        expect.stringMatching(/continues earlier work[\s\S]*The answer was cut off: length\./),
      ]);
      await dashboard.page.locator('.event-row', { hasText: 'The answer was cut off: length.' }).waitFor();
      await dashboard.page.locator('.event-row', { hasText: 'length, not whole' }).waitFor();
      await dashboard.page.getByText('some of its tokens may be missing here').waitFor();
    }
    expect(tool.requests).toHaveLength(1);
    expect(await seriousFindings(dashboard.page)).toEqual([]);
  });

  it('lists an image of a tool by its size, and shows the picture under the policy of the page', async () => {
    const png = noisePng(60, 60).toString('base64');
    const id = await rows.execution({
      status: 'completed',
      desiredState: 'run',
      workflow: { nodes: [agent('researcher')], edges: [] },
    });
    await rows.record(id, interruptedAgent({ data: png, mimeType: 'image/png' }));
    const dashboard = await stage.signIn(`/executions/${id}`);
    const { page } = dashboard;
    await dashboard.status('completed');
    expect(await dashboard.output('researcher')).toBe(KEPT_OUTPUT);
    await page.locator('.event-row', { hasText: '900 read from cache, 40 reasoning, tool-calls' }).waitFor();
    await page.locator('.event-row', { hasText: 'length, not whole' }).waitFor();
    await page.locator('.event-row', { hasText: '11 KB of image/png' }).click();
    const detail = page.locator('.event-detail');
    expect(await detail.locator('pre').innerText()).toContain('"data": "11 KB of image/png"');
    await detail.getByText('Picture 1: 11 KB of image/png').click();
    await page.waitForFunction(
      () => document.querySelector<HTMLImageElement>('.event-detail img')?.naturalWidth === 60,
    );
    expect(await page.locator('body').innerText()).not.toContain(png.slice(0, 40));
    expect(await seriousFindings(page)).toEqual([]);
    // The search looks at what is shown.
    await page.getByRole('searchbox').fill('11 KB');
    await page.getByText(/^1 of \d+ events/).waitFor();
  });
});
