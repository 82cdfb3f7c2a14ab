import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { DashboardStage } from '../support/dashboard-stage.js';
import { pageFaults } from './page-faults.js';

const WORKFLOW = {
  nodes: [{ id: 'a', type: 'transform', data: { config: { expression: '"delivered text"' } } }],
  edges: [],
};

describe('Dashboard: webhooks', () => {
  const stage = new DashboardStage({
    SECRETS_KEY: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    HTTP_ALLOWED_HOSTS: '127.0.0.1',
  });
  let receiver: HttpServer;
  const received: string[] = [];

  beforeAll(async () => {
    receiver = createServer((request, response) => {
      void text(request).then((body) => {
        received.push(body);
        response.writeHead(200, { 'content-type': 'text/plain' }).end('thank you');
      });
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    const settings = { url, events: ['execution:completed'] };
    const made = await stage.server.call('PUT', '/api/webhooks/demo/billing', settings);
    expect(made.status).toBeLessThan(300);
  });
  afterAll(() => receiver.close());

  it('shows deliveries with request and answer, and delivers an execution again', async () => {
    const id = await stage.server.startExecution({ projectId: 'demo', workflow: WORKFLOW });
    const dashboard = await stage.signIn('/webhooks?project=demo');
    const { page } = dashboard;
    await page
      .getByRole('row', { name: /billing/ })
      .getByText('enabled', { exact: true })
      .waitFor();
    await page.getByRole('link', { name: 'billing', exact: true }).click();
    const rows = page.getByRole('row', { name: /delivered/ });
    const refreshUntil = async (number: number): Promise<void> => {
      while ((await rows.count()) < number) {
        const answer = page.waitForResponse(/\/deliveries/);
        await dashboard.button('Refresh').click();
        await (await answer).finished();
      }
    };
    await refreshUntil(1);
    await rows.first().getByText('200').waitFor();
    await rows.first().getByText('execution:completed').waitFor();
    expect(await rows.first().getByRole('link').getAttribute('href')).toContain(id);
    await page
      .getByRole('button', { name: /^Show the delivery of event/ })
      .first()
      .click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Request').getByText(id).waitFor();
    expect(await dialog.getByLabel('Request').innerText()).toContain('webhook-id');
    await dialog.getByLabel('Answer 200').getByText('thank you').waitFor();
    await dashboard.button('Close').click();

    await page
      .getByRole('button', { name: /^Deliver again the execution/ })
      .first()
      .click();
    await page.getByText('The events of the execution are delivered again.').waitFor();
    await refreshUntil(2);
    expect(received.filter((body) => body.includes(id)).length).toBeGreaterThanOrEqual(2);

    await page.getByLabel('From', { exact: true }).fill('2020-01-01T00:00');
    await page.getByRole('form', { name: 'Deliver again' }).getByRole('button').click();
    await page.getByText('Events of 1 execution are delivered again.').waitFor();
    await page.getByLabel('Status of the deliveries').selectOption('given up');
    await page.getByText('No deliveries yet').waitFor();
  });

  it('pauses a webhook and enables it again', async () => {
    const dashboard = await stage.signIn('/webhooks/demo/billing');
    const { page } = dashboard;
    const stored = async () => (await stage.server.call('GET', '/api/webhooks/demo/billing')).body as object;
    const before = await stored();
    await dashboard.button('Pause').click();
    await dashboard.button('Enable').waitFor();
    await page.getByText('paused').waitFor();
    const paused = await stored();
    expect(paused).toMatchObject({ enabled: false });
    expect({ ...paused, enabled: true, updatedAt: '' }).toEqual({ ...before, updatedAt: '' });
    // A paused webhook delivers nothing again.
    expect(await page.getByRole('form', { name: 'Deliver again' }).count()).toBe(0);
    await dashboard.button('Enable').click();
    await dashboard.button('Pause').waitFor();
    expect(await stored()).toMatchObject({ enabled: true });
  });

  it('says that a webhook does not exist, and that a project is not one of the key', async () => {
    const key = await stage.makeKey('hooks', ['webhooks:manage']);
    const dashboard = await stage.signIn('/webhooks/demo/nothing', { key });
    await dashboard.page.getByText('There is no such webhook, or your key').waitFor();
    await dashboard.goto('/webhooks?project=other');
    await dashboard.page.getByText('Your key has no access to this project.').waitFor();
    // The browser logs the refused requests.
    dashboard.open.problems.splice(0);
  });

  it.each([
    ['light', 1280],
    ['dark', 360],
  ] as const)('is accessible in the %s theme at a width of %i px', async (colorScheme, width) => {
    const options = { colorScheme, viewport: { width, height: 800 } };
    const dashboard = await stage.signIn('/webhooks?project=demo', options);
    const { page } = dashboard;
    await page.getByRole('link', { name: 'billing', exact: true }).waitFor();
    const found = await pageFaults(page);
    await page.getByRole('link', { name: 'billing', exact: true }).click();
    await page
      .getByRole('button', { name: /^Show the delivery of event/ })
      .first()
      .click();
    await page.getByRole('dialog').getByLabel('Request').waitFor();
    found.push(...(await pageFaults(page)));
    expect(found).toEqual([]);
  });
});
