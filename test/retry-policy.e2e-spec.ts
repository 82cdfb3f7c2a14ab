import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDatabase, Server } from './support/server.js';
import { pathOf, start, Watch } from './support/watch.js';

/** A service that answers with the statuses in its path, one after the other, and then with 200. */
const answered = new Map<string, number>();
const service: HttpServer = createServer(({ url = '/' }, response) => {
  const statuses = url.split('/')[2]!.split(',').map(Number);
  const count = answered.get(url) ?? 0;
  answered.set(url, count + 1);
  response.statusCode = statuses[count] ?? 200;
  response.end('"done"');
});
let server: Server;
let base: string;
let calls = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(service.address() as AddressInfo).port}`;
  base = `http://${host}`;
  server = await Server.start({
    DATABASE_URL: await createDatabase(),
    HTTP_ALLOWED_HOSTS: host,
    PARK_TIMEOUT_MS: '0',
  });
});

afterAll(async () => {
  await server.kill('SIGTERM');
  service.close();
});

/** Starts an execution of one request, to which the service gives these statuses. */
async function call(statuses: number[], data: object) {
  calls += 1;
  const url = `/${calls}/${statuses.join(',')}`;
  const node = { id: 'call', type: 'http', data: { config: { url: `${base}${url}` }, ...data } };
  const id = await server.startExecution(start([node]));
  return { id, watch: new Watch(server.url, pathOf(id)), requests: () => answered.get(url) ?? 0 };
}

const stepsOf = (watch: Watch) =>
  watch.frames
    .filter(({ type }) => type === 'execution:step')
    .map(({ data }) => `${data.status} ${data.attempt}${data.code ? ` ${data.code}` : ''}`);
const waitOf = async (id: string) => {
  const { body } = await server.call('GET', `/api/waits?executionId=${id}`);
  return body.waits[0] as { waitId: string; kind: string; error: string };
};
const whenWaiting = (watch: Watch, waits = 1) =>
  watch.until(({ frames }) => frames.filter(({ type }) => type === 'execution:waiting').length === waits);

it.each([
  ['maxRetries 0', [503], { retry: { maxRetries: 0 } }, 1, 'failed'],
  ['maxRetries 3', [503, 503, 503], { retry: { maxRetries: 3, baseMs: 1 } }, 4, 'completed'],
  [
    'retry over maxRetries of data',
    [503, 503],
    { maxRetries: 0, retry: { maxRetries: 2, baseMs: 1 } },
    3,
    'completed',
  ],
  ['on: another code', [503], { retry: { on: ['http_timeout'], baseMs: 1 } }, 1, 'failed'],
  ['on: the code', [503], { retry: { on: ['http_unavailable'], baseMs: 1 } }, 2, 'completed'],
  [
    'on: a code that is not retried otherwise',
    [404],
    { retry: { on: ['http_status'], baseMs: 1 } },
    2,
    'completed',
  ],
])('a node has the retries of its policy: %s', async (_what, statuses, data, requests, status) => {
  const execution = await call(statuses, data);
  await execution.watch.done();
  expect(execution.watch.frames.at(-1)!.type).toBe(`execution:${status}`);
  expect(execution.requests()).toBe(requests);
});

describe('a node with onExhausted: "wait"', () => {
  const data = { retry: { maxRetries: 1, baseMs: 1, onExhausted: 'wait' } };
  const answer = async (id: string, body: object) => {
    const { waitId } = await waitOf(id);
    return (await server.call('POST', `/api/waits/${waitId}/answer`, body)).status;
  };

  it('tries again if a person says so, once for each answer', async () => {
    const { id, watch, requests } = await call([503, 503, 500], data);
    await whenWaiting(watch);
    expect(await waitOf(id)).toMatchObject({ kind: 'failure', error: expect.stringContaining('503') });
    expect((await server.call('GET', `/api/executions/${id}`)).body.status).toBe('waiting');
    expect(await answer(id, { action: 'retry' })).toBe(202);
    await whenWaiting(watch, 2);
    expect(requests()).toBe(3);
    expect(await answer(id, { action: 'retry' })).toBe(202);
    await watch.done();
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    expect(stepsOf(watch)).toEqual([
      'running 1',
      'retrying 1 http_unavailable',
      'running 2',
      'waiting 2',
      'retrying 2 http_unavailable',
      'running 3',
      'waiting 3',
      'retrying 3 http_unavailable',
      'running 4',
      'completed 4',
    ]);
  });

  it('takes the output that a person gives', async () => {
    const { id, watch, requests } = await call([404], { onExhausted: 'wait' });
    await whenWaiting(watch);
    expect(await answer(id, { action: 'output', output: { by: 'hand' } })).toBe(202);
    await watch.done();
    expect(watch.frames.at(-1)!.data.result.output).toEqual({ by: 'hand' });
    expect(requests()).toBe(1);
  });

  it('fails with the error of the node if a person says so', async () => {
    const { id, watch } = await call([404], data);
    await whenWaiting(watch);
    expect(await answer(id, { action: 'fail', reason: 'not worth it' })).toBe(202);
    await watch.done();
    expect(watch.frames.at(-1)!.data).toMatchObject({
      code: 'http_status',
      nodeId: 'call',
      error: expect.stringContaining('not worth it'),
    });
    expect(stepsOf(watch).at(-1)).toBe('failed 1 http_status');
  });

  it('leaves no wait when the execution is cancelled', async () => {
    const { id, watch } = await call([404], data);
    await whenWaiting(watch);
    expect((await waitOf(id)).kind).toBe('failure');
    await server.call('POST', `/api/executions/${id}/cancel`);
    await watch.done();
    expect(await waitOf(id)).toBeUndefined();
  });
});
