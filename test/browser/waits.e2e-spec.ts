import { seriousFindings } from '../support/accessibility.js';
import type { MonitorPage } from '../support/monitor-page.js';
import { MonitorStage } from '../support/monitor-stage.js';
import { start } from '../support/watch.js';

const SCHEMA = {
  type: 'object',
  properties: {
    name: { type: 'string', title: 'Payee', minLength: 3 },
    amount: { type: 'number', maximum: 100, description: 'In euros' },
    count: { type: 'integer', default: 2 },
    urgent: { type: 'boolean' },
    colour: { enum: ['red', 'green'] },
    day: { type: 'string', format: 'date' },
    tags: { type: 'array', items: { type: 'string' } },
    address: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    extra: { type: 'object', additionalProperties: { type: 'number' } },
  },
  required: ['name', 'amount', 'colour', 'address'],
};

describe('<ExecutionMonitor/>: waits', () => {
  const stage = new MonitorStage({ RETRY_BASE_MS: '1' });
  let monitor: MonitorPage;
  const show = async (nodes: object[], edges: object[] = []): Promise<string> => {
    const request = start(nodes);
    const id = await stage.server.startExecution({ ...request, workflow: { ...request.workflow, edges } });
    monitor = await stage.open();
    await monitor.show({ monitors: [{ executionId: id }] });
    return id;
  };
  const execution = async (id: string) => (await stage.server.call('GET', `/api/executions/${id}`)).body;
  const card = (kind: string) => monitor.page.locator(`.ca-wait-${kind}`);

  afterEach(async () => {
    expect(monitor.open.problems).toEqual([]);
    await monitor.open.close();
  });

  it('asks for an approval with a form of its schema, by keyboard alone', async () => {
    const config = { message: 'Pay <b>now</b>?', schema: SCHEMA, expiresInMs: 3_600_000 };
    const id = await show([{ id: 'pay', type: 'approval', data: { config } }]);
    await monitor.status('waiting');
    const form = card('approval');
    expect(await form.locator('.ca-question').innerText()).toBe('Pay <b>now</b>?');
    expect(await form.locator('time').innerText()).toMatch(/^Expires in \d+ (min|h)/);
    expect(await seriousFindings(monitor.page)).toEqual([]);

    // The form names what is missing before it sends anything.
    await monitor.button('Approve').press('Enter');
    const payee = form.getByLabel('Payee');
    await form.locator('.ca-field', { hasText: 'Payee' }).getByText('Enter a value.').waitFor();
    expect(await payee.getAttribute('aria-invalid')).toBe('true');
    expect(await seriousFindings(monitor.page)).toEqual([]);

    await payee.focus();
    await monitor.page.keyboard.type('Al');
    await form.getByLabel('amount').fill('250.5');
    await form.getByLabel('urgent').press('Space');
    await form.getByLabel('colour').selectOption('green');
    await form.getByLabel('day').fill('2026-12-24');
    await form.getByRole('button', { name: 'Add to tags' }).press('Enter');
    await form.getByLabel('tags, item 1', { exact: true }).fill('gift');
    await form.getByRole('group', { name: 'address' }).getByLabel('city').fill('Paris');
    await form.getByLabel('extra').fill('{"a": 1}');
    await form.getByLabel('Comment').fill('ok');
    // Enter in a text field sends the form. The server checks the values, and its problems appear at the fields.
    await payee.press('Enter');
    await form.getByRole('alert').waitFor();
    const wrong = (label: string) =>
      form.locator('.ca-field', { has: monitor.page.getByLabel(label) }).locator('.ca-field-problem');
    await wrong('Payee').waitFor();
    await wrong('amount').waitFor();
    expect(await form.locator('.ca-field-problem').count()).toBe(2);
    // The browser logs the 400.
    expect(monitor.open.problems.splice(0)).toEqual([expect.stringContaining('400')]);

    await payee.fill('Alice');
    await form.getByLabel('amount').fill('25.5');
    await monitor.button('Approve').press('Space');
    await monitor.status('completed');
    expect(await card('approval').count()).toBe(0);
    expect((await execution(id)).output).toMatchObject({
      approved: true,
      comment: 'ok',
      values: {
        name: 'Alice',
        amount: 25.5,
        count: 2,
        urgent: true,
        colour: 'green',
        day: '2026-12-24',
        tags: ['gift'],
        address: { city: 'Paris' },
        extra: { a: 1 },
      },
    });
  });

  it('rejects without the values, and shows which branch is taken', async () => {
    const ask = { id: 'ask', type: 'approval', data: { config: { schema: SCHEMA, onReject: 'continue' } } };
    const constant = (id: string) => ({ id, type: 'transform', data: { config: { expression: '1' } } });
    await show(
      [ask, constant('yes'), constant('no')],
      [
        { id: 'approved', source: 'ask', target: 'yes', when: 'nodes.ask.output.approved' },
        { source: 'ask', target: 'no', otherwise: true },
      ],
    );
    await monitor.button('Reject').click();
    await monitor.status('completed');
    const step = (name: string) =>
      monitor.page.locator('.ca-step', { has: monitor.page.locator('.ca-step-name', { hasText: name }) });
    expect(await step('ask').locator('.ca-branch').innerText()).toBe('Taken: edges[1]. Not taken: approved.');
    expect(await step('yes').getAttribute('data-status')).toBe('skipped');
    expect(await step('no').getAttribute('data-status')).toBe('completed');
  });

  it('shows the signal and the timer that nodes wait for, and sends the signal', async () => {
    const schema = { type: 'object', properties: { paid: { type: 'boolean' } }, required: ['paid'] };
    const id = await show([
      { id: 'paid', type: 'wait', data: { config: { signal: 'payment.received', schema } } },
      { id: 'later', type: 'delay', data: { config: { ms: 7_200_000 } } },
    ]);
    await monitor.status('waiting');
    expect(await card('signal').innerText()).toContain('payment.received');
    expect(await card('timer').locator('time').innerText()).toMatch(/^Continues in (2 h 0 min|1 h 59 min)$/);
    await card('signal').getByText('Send the signal yourself').click();
    expect(await seriousFindings(monitor.page)).toEqual([]);
    await card('signal').getByLabel('paid').check();
    await monitor.button('Send').click();
    await card('signal').waitFor({ state: 'detached' });
    const { steps } = await execution(id);
    expect(steps.find(({ nodeId }: { nodeId: string }) => nodeId === 'paid')?.output).toEqual({ paid: true });
    await monitor.status('waiting');
    await stage.server.call('POST', `/api/executions/${id}/cancel`);
    await monitor.status('cancelled');
    expect(await card('timer').count()).toBe(0);
  });

  it('lets a person decide after a failure: try again, or give the output', async () => {
    const config = { expression: '$error("no luck")' };
    const id = await show([{ id: 'flaky', type: 'transform', data: { config, onExhausted: 'wait' } }]);
    await card('failure').getByText('no luck').waitFor();
    await monitor.button('Try again').click();
    // The attempt fails again, and asks again.
    await monitor.page.waitForFunction(() => {
      const steps = document.querySelectorAll('.ca-step');
      return steps.length >= 2 && document.querySelector('.ca-wait-failure');
    });
    await card('failure').getByText('Give the output yourself').click();
    expect(await seriousFindings(monitor.page)).toEqual([]);
    await card('failure').getByLabel('Output').fill('{"by": "hand"');
    await monitor.button('Use this output').click();
    await card('failure').getByText('Enter valid JSON').waitFor();
    await card('failure').getByLabel('Output').fill('{"by": "hand"}');
    await monitor.button('Use this output').click();
    await monitor.status('completed');
    expect((await execution(id)).output).toEqual({ by: 'hand' });
  });

  it('announces what is waited for', async () => {
    await show([{ id: 'boss', type: 'approval', data: { config: {} } }]);
    await monitor.page.waitForSelector(
      '.ca-visually-hidden:text("Execution waiting. Approval needed: boss.")',
      { state: 'attached' },
    );
    await monitor.button('Reject').click();
    await monitor.status('failed');
  });
});
