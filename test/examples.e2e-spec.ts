import { readdir, readFile } from 'node:fs/promises';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, Server } from './support/server.js';
import { Watch } from './support/watch.js';

/** The terminal event of each file in examples/. `data.json` needs the internet, so it only has to start. */
const ENDS: Record<string, string | null> = {
  'approval-form.json': 'execution:completed',
  'approval.json': 'execution:completed',
  'branch.json': 'execution:completed',
  'callback.json': 'execution:completed',
  'chat.json': 'execution:completed',
  'compare.json': 'execution:completed',
  'data.json': null,
  'error-path.json': 'execution:completed',
  'failure.json': 'execution:failed',
  'loop.json': 'execution:completed',
  'map.json': 'execution:completed',
  'rerun.json': 'execution:failed',
  'retry.json': 'execution:completed',
  'structured-output.json': 'execution:completed',
  'sub-workflow.json': 'execution:completed',
  'switch.json': 'execution:completed',
  'timer.json': 'execution:completed',
  'tool-approval.json': 'execution:completed',
};

/** The nodes that do not complete, as docs/workflows.md says. */
const OTHER_STEPS: Record<string, Record<string, string>> = {
  'approval-form.json': { shelve: 'skipped' },
  'branch.json': { confirm: 'skipped' },
  'error-path.json': { ask: 'failed' },
  'switch.json': { bug: 'skipped', other: 'skipped' },
};

describe('the examples', () => {
  let server: Server;
  let partner: FakeHttpServer;
  beforeAll(async () => {
    partner = await startFakeHttpServer((_request, response) => response.end('{}'));
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      PUBLIC_URL: 'http://agents.example.com',
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
    });
  });
  afterAll(async () => {
    await partner.close();
    await server.kill('SIGTERM');
  });

  /** Answers the wait of an example, as docs/workflows.md says. */
  const answers: Record<string, (id: string) => Promise<{ status: number }>> = {
    'approval.json': (id) => server.call('POST', `/api/executions/${id}/approve`),
    'approval-form.json': async (id) => {
      const { body } = await server.call('GET', `/api/waits?executionId=${id}`);
      const [wait] = (body as unknown as { waits: { waitId: string }[] }).waits;
      const page = await readFile('docs/workflows.md', 'utf8');
      const answer = /\/answer"[^]*?-d '(\{[^']*)'/.exec(page)![1]!;
      return server.call('POST', `/api/waits/${wait!.waitId}/answer`, answer);
    },
    'tool-approval.json': async (id) => {
      const { body } = await server.call('GET', `/api/waits?executionId=${id}`);
      const [wait] = (body as unknown as { waits: { waitId: string }[] }).waits;
      return server.call('POST', `/api/waits/${wait!.waitId}/answer`, { action: 'approve' });
    },
    'callback.json': async () => {
      const { answerTo } = JSON.parse(partner.requests[0]!.body) as { answerTo: string };
      return server.call('POST', new URL(answerTo).pathname, { delivered: true }, { authorization: '' });
    },
  };

  it('are all in this test', async () => {
    expect((await readdir('examples')).filter((name) => name.endsWith('.json')).toSorted()).toEqual(
      Object.keys(ENDS).toSorted(),
    );
  });

  it.each(Object.entries(ENDS))('run: %s', async (name, end) => {
    const text = await readFile(`examples/${name}`, 'utf8');
    const request = text.replace('https://partner.example.com', partner.url);
    const id = await server.startExecution(JSON.parse(request) as object);
    const watch = new Watch(server.url, `/api/executions/${id}/stream`);
    if (end === null) {
      await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:step'));
      await server.call('POST', `/api/executions/${id}/cancel`);
    }
    if (answers[name]) {
      await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:waiting'));
      expect((await answers[name](id)).status).toBe(202);
    }
    await watch.done();
    if (end !== null) expect(watch.frames.at(-1)!.type).toBe(end);
    const others = OTHER_STEPS[name];
    if (!others) return;
    const steps = watch.frames.flatMap(({ type, data }) =>
      type === 'execution:step' ? [[data.nodeId, data.status] as const] : [],
    );
    const last = Object.entries(Object.fromEntries(steps));
    expect(Object.fromEntries(last.filter(([, status]) => status !== 'completed'))).toEqual(others);
  });

  it('run again from the failed node: rerun.json, with the input of docs/workflows.md', async () => {
    const page = await readFile('docs/workflows.md', 'utf8');
    const body = /\/rerun"[^]*?-d '(\{[^']*)'/.exec(page)![1]!;
    const request = JSON.parse(await readFile('examples/rerun.json', 'utf8')) as object;
    const id = await server.startExecution(request);
    await new Watch(server.url, `/api/executions/${id}/stream`).done();
    const answer = await server.call('POST', `/api/executions/${id}/rerun`, body);
    expect(answer.status).toBe(202);
    await new Watch(server.url, `/api/executions/${answer.body.id}/stream`).done();
    const { status, steps, output } = (await server.call('GET', `/api/executions/${answer.body.id}`)).body;
    expect(status).toBe('completed');
    expect(steps.map(({ nodeId, reusedFrom }) => [nodeId, reusedFrom])).toEqual([
      ['draft', id],
      ['limit', undefined],
      ['shorten', undefined],
    ]);
    expect((output as string).split(' ')).toHaveLength(12);
  });
});
