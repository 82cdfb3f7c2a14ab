import { seriousFindings } from '../support/accessibility.js';
import {
  agentEvents,
  type EventDraft,
  interruptedAgent,
  KEPT_OUTPUT,
  noisePng,
} from '../support/agent-journal.js';
import type { MonitorPage } from '../support/monitor-page.js';
import { MonitorStage } from '../support/monitor-stage.js';
import { WaitRows } from '../support/wait-rows.js';

const PNG = noisePng(60, 60);
const MOBILE = { width: 360, height: 740 };

describe('<ExecutionMonitor/>: agents', () => {
  const settings: Record<string, string> = {};
  const stage = new MonitorStage(settings);
  let rows: WaitRows;
  let monitor: MonitorPage;

  beforeAll(async () => {
    rows = await WaitRows.open(settings['DATABASE_URL']!);
  });
  afterAll(() => rows?.close());
  afterEach(async () => {
    expect(monitor.open.problems).toEqual([]);
    await monitor.open.close();
  });

  const show = async (events: readonly EventDraft[], status = 'completed'): Promise<string> => {
    const id = await rows.execution({ status, desiredState: status === 'paused' ? 'pause' : 'run' });
    await rows.record(id, events);
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await monitor.status(status);
    return id;
  };
  const tool = (name: string) =>
    monitor.page.locator('.ca-tool', { has: monitor.page.locator('.ca-step-name', { hasText: name }) });

  it.each(['light', 'dark'] as const)(
    'shows the work that a retried step has kept, and what is not whole, in the %s theme',
    async (theme) => {
      monitor = await stage.open({ colorScheme: theme, viewport: MOBILE });
      await show(interruptedAgent({ data: PNG.toString('base64'), mimeType: 'image/png' }));
      const { page } = monitor;
      const output = page.getByLabel('output of researcher', { exact: true });
      expect(await output.textContent()).toBe(KEPT_OUTPUT);
      expect((await monitor.read('outputs'))['researcher']).toBe(KEPT_OUTPUT);

      const steps = page.locator('.ca-step');
      expect(await steps.nth(0).innerText()).toContain('The finished part of its work is kept');
      expect(await steps.nth(0).innerText()).toContain('some of its tokens may not be counted');
      expect(await steps.nth(1).innerText()).toContain('Continues the finished work of an earlier attempt');
      expect(await steps.nth(1).innerText()).toContain('The answer was cut off: length.');
      expect(await page.locator('.ca-node').innerText()).toContain('The answer was cut off: length.');

      const usage = page.getByRole('region', { name: 'Tokens and cost' });
      expect(await usage.locator('thead').innerText()).toMatch(/Calls\s+Read from cache\s+Reasoning/);
      expect(await usage.locator('tbody tr').innerText()).toMatch(
        /anthropic\/large\s+2,000\s+160\s+2\s+900\s+40\s/,
      );
      expect(await usage.innerText()).toContain('Of 2 answers, 1 is not whole.');
      expect(await usage.innerText()).toContain('some of its tokens may be missing here');

      expect(await tool('crm/find').innerText()).toContain('with changed arguments');
      expect(await tool('crm/delete').innerText()).toContain('A person denied this call: too risky');
      const folded = page.locator('details:not([open]) > summary');
      while ((await folded.count()) > 0) await folded.first().click();
      expect(await page.getByLabel('changed arguments of crm/find', { exact: true }).innerText()).toContain(
        'Ada Lovelace',
      );
      expect(await seriousFindings(page)).toEqual([]);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow).toBeLessThanOrEqual(0);
    },
  );

  it('shows an image of a tool by type and size, and the picture when the user opens it', async () => {
    const data = PNG.toString('base64');
    monitor = await stage.open({ permissions: ['clipboard-read', 'clipboard-write'] });
    await show(interruptedAgent({ data, mimeType: 'image/png' }));
    await tool('charts/draw').locator('summary').first().click();
    const result = tool('charts/draw').getByLabel('result of charts/draw', { exact: true });
    expect(await result.innerText()).toContain('"data": "11 KB of image/png"');
    expect(await monitor.page.locator('#root').innerText()).not.toContain(data.slice(0, 40));
    expect(await monitor.page.locator('#root img').count()).toBe(0);
    await monitor.page.getByRole('button', { name: 'Copy result of charts/draw' }).click();
    await monitor.page.waitForSelector('text=Copied');
    expect(await monitor.page.evaluate(() => navigator.clipboard.readText())).toContain(data);
    await tool('charts/draw').getByText('Picture 1: 11 KB of image/png').press('Enter');
    const picture = monitor.page.getByRole('img', { name: 'Picture 1 in the result of charts/draw' });
    await picture.waitFor();
    await monitor.page.waitForFunction(() => document.querySelector('img')?.naturalWidth === 60);
    expect(await seriousFindings(monitor.page)).toEqual([]);
  });

  it('never shows SVG, and says so when a picture is broken', async () => {
    const svg = Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" onload="globalThis.hacked=1"><script>globalThis.hacked=1</script></svg>${' '.repeat(99)}`,
    ).toString('base64');
    const agent = agentEvents('painter');
    const content = ['image/svg+xml', 'image/png', 'image/svg+xml;charset=utf-8', 'image/\u202egnp'].map(
      (mimeType) => ({
        type: 'image',
        data: svg,
        mimeType,
      }),
    );
    monitor = await stage.open();
    await show([
      { type: 'execution:started', projectId: 'demo', attempt: 1 },
      agent.step(1, 'running'),
      agent.call(1, 'c', 'paint', {}),
      agent.result(1, 'c', { content: [...content, { uri: `data:image/svg+xml;base64,${svg}` }] }),
      agent.step(1, 'completed', { output: '' }),
      { type: 'execution:completed', result: { output: '' } },
    ]);
    await tool('paint').locator('summary').first().click();
    const pictures = tool('paint').locator('summary', { hasText: 'Picture' });
    await pictures.first().waitFor();
    expect(await monitor.page.locator('#root').textContent()).toContain('of image/⟨RLO⟩gnp');
    expect(await monitor.page.locator('#root').textContent()).not.toContain('\u202e');
    expect(await pictures.allInnerTexts()).toEqual([
      expect.stringMatching(/^Picture 1: \d+ bytes of image\/png$/),
    ]);
    await pictures.click();
    await tool('paint').getByText('The browser cannot show this picture.').waitFor();
    expect(await monitor.page.locator('#root img, #root svg').count()).toBe(0);
    expect(await monitor.page.evaluate(() => 'hacked' in globalThis)).toBe(false);
  });

  it('asks for several tool calls at once, whose arguments can be changed, by keyboard alone', async () => {
    monitor = await stage.open({ viewport: MOBILE });
    const agent = agentEvents('researcher');
    const id = await rows.execution();
    const calls = [
      { toolName: 'crm/delete', toolArgs: { id: 7 } },
      { toolName: 'mail/send', toolArgs: { to: 'ada@example.com', text: '\u202egnp' } },
      { toolName: 'mail/send', toolArgs: { to: 'bob@example.com', text: 'Hi' } },
    ];
    const waits: string[] = [];
    for (const details of calls)
      waits.push(
        await rows.wait(id, {
          kind: 'tool',
          key: `tool:${waits.length}`,
          nodeId: 'researcher',
          details,
          untilMs: 3_600_000,
        }),
      );
    const until = new Date(Date.now() + 3_600_000).toISOString();
    await rows.record(id, [
      { type: 'execution:started', projectId: 'demo', attempt: 1 },
      agent.step(1, 'running'),
      ...calls.map(({ toolName, toolArgs }, index) => agent.call(1, `c${index}`, toolName, toolArgs)),
      agent.step(1, 'waiting'),
      ...calls.map((call, index) => ({
        type: 'execution:waiting',
        kind: 'tool',
        nodeId: 'researcher',
        stepId: 'researcher-1',
        waitId: waits[index],
        message: 'May I?',
        until,
        ...call,
      })),
      { type: 'execution:paused' },
    ]);
    await monitor.show({ monitors: [{ executionId: id }] });
    await monitor.status('paused');
    const { page } = monitor;
    const card = (index: number) => page.locator('.ca-wait-tool').nth(index);
    expect(await page.getByRole('region', { name: /^Tool call needs approval: researcher, / }).count()).toBe(
      3,
    );
    expect(await card(0).innerText()).toContain('"id": 7');
    expect(await card(1).innerText()).toContain('⟨RLO⟩gnp');
    expect(await card(0).locator('time').innerText()).toMatch(/^Expires in \d+ (min|h)/);
    expect(await tool('crm/delete').textContent()).toContain('needs approval');
    await page.waitForSelector(
      '.ca-visually-hidden:has-text("Approval needed: researcher, tool mail/send.")',
      {
        state: 'attached',
      },
    );

    // What is not JSON is refused before it is sent.
    const change = card(0).getByRole('button', { name: 'Change the arguments' });
    await change.focus();
    await page.keyboard.press('Enter');
    const editor = card(0).getByLabel('Arguments (JSON)');
    expect(JSON.parse(await editor.inputValue())).toEqual({ id: 7 });
    await editor.fill('{"id": 8');
    await card(0).getByRole('button', { name: 'Approve with these arguments' }).press('Enter');
    await card(0).getByText('Enter valid JSON').waitFor();
    expect(await editor.getAttribute('aria-invalid')).toBe('true');
    expect(await seriousFindings(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(
      0,
    );
    expect((await rows.stored(waits[0]!))['answer']).toBeNull();

    await editor.fill('{"id": 8}');
    await card(0).getByLabel('Reason').fill(' only this one ');
    await card(0).getByRole('button', { name: 'Approve with these arguments' }).press('Space');
    await card(0).getByText('The answer is recorded.').waitFor();
    await card(1).getByLabel('Reason').fill('no spam');
    await card(1).getByRole('button', { name: 'Deny' }).press('Enter');
    await card(1).getByText('The answer is recorded.').waitFor();
    await card(2).getByRole('button', { name: 'Approve', exact: true }).press('Enter');
    await card(2).getByText('The answer is recorded.').waitFor();
    const answers: unknown[] = [];
    for (const wait of waits) answers.push((await rows.stored(wait))['answer']);
    expect(answers).toEqual([
      { action: 'approve', args: { id: 8 }, reason: 'only this one' },
      { action: 'deny', reason: 'no spam' },
      { action: 'approve', reason: null },
    ]);
  });

  it('keeps the error of one answer while another is sent', async () => {
    monitor = await stage.open();
    const id = await rows.execution();
    const ask = (key: string) => rows.wait(id, { kind: 'tool', nodeId: 'a', key, details: {} });
    const [first, second] = [await ask('tool:1:0'), await ask('tool:1:1')];
    const wait = { type: 'execution:waiting', kind: 'tool', nodeId: 'a', stepId: 'a-1', toolArgs: {} };
    await rows.record(id, [
      { type: 'execution:started', projectId: 'demo', attempt: 1 },
      { ...wait, waitId: first, toolName: 'one' },
      { ...wait, waitId: second, toolName: 'two' },
      { type: 'execution:paused' },
    ]);
    await stage.server.call('POST', `/api/waits/${first}/answer`, { action: 'deny' });
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    await monitor.page.route(`**/waits/${first}/answer`, async (route) => {
      await held;
      await route.continue();
    });
    await monitor.show({ monitors: [{ executionId: id }] });
    const card = (name: string) => monitor.page.locator('.ca-wait-tool', { hasText: name });
    await card('one').getByRole('button', { name: 'Approve' }).click();
    await card('two').getByRole('button', { name: 'Approve' }).click();
    await card('two').getByText('The answer is recorded.').waitFor();
    release();
    await card('one').getByRole('alert').getByText('already').waitFor();
    expect(await card('two').getByRole('alert').count()).toBe(0);
    // The browser logs the 409.
    expect(monitor.open.problems.splice(0)).toEqual([expect.stringContaining('409')]);
  });
});
