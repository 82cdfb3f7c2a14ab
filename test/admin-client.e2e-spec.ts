import { CloutAgent } from '@cloutagent/client';
import { CloutAgentAdmin } from '@cloutagent/client/admin';
import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { delay } from './support/watch.js';

const PROJECT = 'demo';
const workflowOf = (expression: string) => ({
  nodes: [{ id: 'a', type: 'transform', data: { config: { expression } } }],
  edges: [],
});

describe('@cloutagent/client/admin against the server', () => {
  let server: Server;
  let client: CloutAgent;
  let admin: CloutAgentAdmin;

  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      SECRETS_KEY: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    });
    client = new CloutAgent({ baseUrl: server.url, apiKey: ADMIN_KEY });
    admin = new CloutAgentAdmin(client);
  });
  afterAll(() => server.kill('SIGTERM'));

  it('saves versions, compares them, moves an alias, and runs one by reference', async () => {
    const first = await admin.workflows.save(PROJECT, 'greet', { workflow: workflowOf('"hello " & input') });
    await admin.workflows.setAlias(PROJECT, 'greet', 'production', first.version);
    const content = { workflow: workflowOf('"bye " & input') };
    const second = await admin.workflows.save(PROJECT, 'greet', content, { ifMatch: first.version });
    expect(second.version).toBeGreaterThan(first.version);
    const late = admin.workflows.save(
      PROJECT,
      'greet',
      { workflow: workflowOf('3') },
      { ifMatch: first.version },
    );
    await expect(late).rejects.toMatchObject({ status: 412 });
    const again = admin.workflows.save(PROJECT, 'greet', content, { ifMatch: 'none' });
    await expect(again).rejects.toMatchObject({ status: 412 });

    const { changes } = await admin.workflows.diff(PROJECT, 'greet', {
      from: first.version,
      to: second.version,
    });
    expect(changes).toMatchObject([{ op: 'replace', from: '"hello " & input', to: '"bye " & input' }]);
    const { versions } = await admin.workflows.versions(PROJECT, 'greet');
    expect(versions.map(({ version }) => version)).toEqual([second.version, first.version]);
    const { workflows } = await admin.workflows.list({ projectId: PROJECT });
    expect(workflows).toMatchObject([
      { name: 'greet', version: second.version, aliases: { production: first.version } },
    ]);
    expect(await admin.workflows.get(PROJECT, 'greet', { version: 'production' })).toMatchObject({
      version: first.version,
    });

    const request = { projectId: PROJECT, workflowRef: 'greet@production', input: 'Ada' };
    const ended = await client.executions.startAndWait(request);
    expect(ended).toMatchObject({
      output: 'hello Ada',
      workflow: { name: 'greet', version: first.version },
    });
    const { executions } = await client.executions.list({ workflow: `greet@${first.version}` });
    expect(executions.map(({ id }) => id)).toEqual([ended.id]);
    await admin.workflows.deleteAlias(PROJECT, 'greet', 'production');
    await admin.workflows.delete(PROJECT, 'greet');
    await expect(admin.workflows.get(PROJECT, 'greet')).rejects.toMatchObject({ status: 404 });
  });

  it('checks, starts a batch, streams what it starts, and deletes an execution', async () => {
    const request = { projectId: PROJECT, workflow: workflowOf('input + 1'), input: 1 };
    expect(await client.executions.validate(request)).toMatchObject({ valid: true, problems: [] });
    const wrong = { ...request, workflow: workflowOf('(') };
    expect(await client.executions.validate(wrong)).toMatchObject({ valid: false });
    const batch = await client.executions.startBatch({ executions: [request, wrong] });
    expect(batch).toMatchObject({ started: 1, failed: 1, results: [{ index: 0 }, { index: 1 }] });

    const sequences: number[] = [];
    let id = '';
    for await (const event of client.executions.startAndStream(request)) {
      sequences.push(event.sequence);
      id = event.executionId;
    }
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
    expect(await client.executions.get(id)).toMatchObject({ status: 'completed', output: 2 });
    expect(await client.executions.delete(id)).toEqual({ deleted: 1, reruns: [] });
    await expect(client.executions.get(id)).rejects.toMatchObject({ status: 404 });
  });

  it('follows an execution that takes longer than the server waits', async () => {
    const slow = { nodes: [delay('d', 1_500)], edges: [] };
    const request = { projectId: PROJECT, workflow: slow };
    const ended = await client.executions.startAndWait(request, { waitSeconds: 1 });
    expect(ended.status).toBe('completed');
  });

  it('sets secrets and variables, and never reads the value of a secret', async () => {
    const secret = { value: 'a secret value', allowedHosts: ['api.example.com'] };
    const set = await admin.secrets.set(PROJECT, 'TOKEN', secret);
    expect(set).toMatchObject({ name: 'TOKEN', allowedHosts: ['api.example.com'] });
    await admin.variables.set(PROJECT, 'REGION', { name: 'eu', zones: [1, 2] });
    const { secrets } = await admin.secrets.list(PROJECT);
    expect(JSON.stringify([set, secrets])).not.toContain('a secret value');
    expect(secrets.map(({ name }) => name)).toEqual(['TOKEN']);
    expect((await admin.variables.list(PROJECT)).variables).toMatchObject([
      { name: 'REGION', value: { name: 'eu', zones: [1, 2] } },
    ]);
    await admin.secrets.delete(PROJECT, 'TOKEN');
    await admin.variables.delete(PROJECT, 'REGION');
    expect((await admin.secrets.list(PROJECT)).secrets).toEqual([]);
    expect((await admin.variables.list(PROJECT)).variables).toEqual([]);
  });

  describe('with a receiver', () => {
    let receiver: HttpServer;
    const received: { type: string }[] = [];
    let notify = (): void => undefined;
    beforeAll(async () => {
      receiver = createServer((request, response) => {
        void text(request).then((body) => {
          received.push(JSON.parse(body) as { type: string });
          response.writeHead(204).end();
          notify();
        });
      }).listen(0, '127.0.0.1');
      await once(receiver, 'listening');
    });
    afterAll(() => receiver.close());
    const receivedAtLeast = async (number: number): Promise<void> => {
      while (received.length < number) await new Promise<void>((resolve) => (notify = resolve));
    };

    it('makes a webhook, shows its deliveries, replays, rotates and deletes it', async () => {
      const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
      const made = await admin.webhooks.set(PROJECT, 'billing', { url, events: ['execution:completed'] });
      expect(made.secret).toMatch(/^whsec_/);
      expect((await admin.webhooks.get(PROJECT, 'billing')) as object).not.toHaveProperty('secret');
      const request = { projectId: PROJECT, workflow: workflowOf('1') };
      const { id } = await client.executions.startAndWait(request);
      await receivedAtLeast(1);
      let page = await admin.webhooks.deliveries(PROJECT, 'billing', { executionId: id });
      while (page.deliveries.length === 0)
        page = await admin.webhooks.deliveries(PROJECT, 'billing', { executionId: id });
      const [delivery] = page.deliveries;
      expect(delivery).toMatchObject({ status: 'delivered', responseStatus: 204, executionId: id });
      const details = await admin.webhooks.delivery(PROJECT, 'billing', delivery!.id);
      expect(details.id).toBe(delivery!.id);
      expect(await admin.webhooks.replay(PROJECT, 'billing', { executionId: id })).toEqual({ executions: 1 });
      await receivedAtLeast(2);
      const rotated = await admin.webhooks.rotateSecret(PROJECT, 'billing', { keepOldForMs: 60_000 });
      expect(rotated).toMatchObject({
        signingSecrets: 2,
        secret: expect.stringMatching(/^whsec_/) as string,
      });
      await admin.webhooks.delete(PROJECT, 'billing');
      expect((await admin.webhooks.list(PROJECT)).webhooks).toEqual([]);
    });
  });

  it('makes a schedule and runs it now, and makes a trigger', async () => {
    await admin.workflows.save(PROJECT, 'nightly', { workflow: workflowOf('input.day') });
    const schedule = await admin.schedules.set(PROJECT, 'nightly', {
      workflowRef: 'nightly',
      input: { day: 'today' },
      cron: '30 2 * * *',
      timeZone: 'Europe/Berlin',
    });
    expect(schedule).toMatchObject({ enabled: true, overlap: 'skip', nextAt: expect.any(String) as string });
    const { id } = await admin.schedules.run(PROJECT, 'nightly');
    expect(await client.executions.waitForEnd(id)).toMatchObject({ output: 'today' });
    await admin.secrets.set(PROJECT, 'GITHUB', { value: 'shared with github' });
    const trigger = await admin.triggers.set(PROJECT, 'github', {
      workflowRef: 'nightly',
      source: 'github',
      secret: 'GITHUB',
    });
    expect(trigger.address).toContain('/api/hooks/demo/github');
    expect((await admin.triggers.list(PROJECT)).triggers.map(({ name }) => name)).toEqual(['github']);
    await admin.triggers.delete(PROJECT, 'github');
    await admin.schedules.delete(PROJECT, 'nightly');
    expect((await admin.schedules.list(PROJECT)).schedules).toEqual([]);
  });

  it('cancels many executions, and counts what a project has run', async () => {
    const project = 'bulk';
    const slow = { projectId: project, workflow: { nodes: [delay('d', 600_000)], edges: [] } };
    await client.executions.startBatch({ executions: [slow, slow] });
    let operation = await admin.operations.start({ action: 'cancel', filter: { projectId: project } });
    while (operation.status === 'running') operation = await admin.operations.get(operation.id);
    expect(operation).toMatchObject({ total: 2, succeeded: 2, failed: 0 });
    for (const { id } of (await client.executions.list({ projectId: project })).executions)
      await client.executions.waitForEnd(id);
    const stats = await admin.stats(project, { interval: 'day' });
    expect(stats.total.executions).toEqual({ cancelled: 2 });
    expect(stats.buckets.length).toBeGreaterThan(0);
  });
});
