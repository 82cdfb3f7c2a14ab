import { RecordingServer } from '../../../test/support/recording-server.js';
import { frame, ScriptedStream } from '../../../test/support/scripted-stream.js';
import { CloutAgent } from './client.js';
import { SSEClient } from './sse-client.js';

describe('The client: waits, signals and re-runs', () => {
  let server: RecordingServer;
  afterEach(() => server?.close());
  const clientOf = () => new CloutAgent({ baseUrl: server.url });
  const sent = () => server.requests.map(({ method, url }) => `${method} ${url}`);

  it('lists the waits that match a query', async () => {
    server = await RecordingServer.start(200, { waits: [], nextCursor: null });
    const { waits } = clientOf();
    expect(await waits.list()).toEqual({ waits: [], nextCursor: null });
    await waits.list({ projectId: 'demo', kind: ['approval', 'failure'], assignee: 'key:1', limit: 5 });
    expect(sent()).toEqual([
      'GET /api/waits',
      'GET /api/waits?projectId=demo&kind=approval%2Cfailure&assignee=key%3A1&limit=5',
    ]);
  });

  it('answers a wait, whose id it encodes', async () => {
    server = await RecordingServer.start(204);
    await clientOf().waits.answer('a/../b', { approved: false, comment: 'no', values: { amount: 1 } });
    expect(server.requests).toEqual([
      {
        method: 'POST',
        url: '/api/waits/a%2F..%2Fb/answer',
        body: { approved: false, comment: 'no', values: { amount: 1 } },
        idempotencyKey: undefined,
      },
    ]);
  });

  it('throws the paths of an answer that does not fit', async () => {
    const errors = [{ path: 'values.amount', message: 'must be a number' }];
    server = await RecordingServer.start(400, {
      status: 400,
      code: 'invalid_answer',
      title: 'Bad Request',
      detail: 'The answer does not fit.',
      errors,
    });
    const answered = clientOf().waits.answer('w', { approved: true, values: { amount: 'x' } });
    await expect(answered).rejects.toMatchObject({
      code: 'invalid_answer',
      status: 400,
      problem: { errors },
    });
  });

  it('sends a signal with its body and key', async () => {
    server = await RecordingServer.start(202, {});
    const { executions } = clientOf();
    await executions.signal('x', 'payment.received', { paid: true }, { idempotencyKey: 'once' });
    await executions.signal('x', 'line\nbreak');
    expect(server.requests).toEqual([
      {
        method: 'POST',
        url: '/api/executions/x/signals/payment.received',
        body: { paid: true },
        idempotencyKey: 'once',
      },
      {
        method: 'POST',
        url: '/api/executions/x/signals/line%0Abreak',
        body: null,
        idempotencyKey: undefined,
      },
    ]);
  });

  it('re-runs an execution, from the failed nodes or from named ones', async () => {
    server = await RecordingServer.start(202, { id: 'y', rerunOf: 'x' });
    const { executions } = clientOf();
    expect(await executions.rerun('x')).toMatchObject({ id: 'y' });
    await executions.rerun('x', { from: ['b'], input: 2 }, { idempotencyKey: 'once' });
    expect(server.requests.map(({ url, body, idempotencyKey }) => [url, body, idempotencyKey])).toEqual([
      ['/api/executions/x/rerun', {}, undefined],
      ['/api/executions/x/rerun', { from: ['b'], input: 2 }, 'once'],
    ]);
  });

  it('lists child executions and re-runs', async () => {
    server = await RecordingServer.start(200, { executions: [], nextCursor: null });
    const { executions } = clientOf();
    await executions.list({ parentId: 'p', rootId: 'r', status: 'waiting' });
    await executions.list({ rerunOf: 'x', children: true });
    expect(sent()).toEqual([
      'GET /api/executions?parentId=p&rootId=r&status=waiting',
      'GET /api/executions?rerunOf=x&children=true',
    ]);
  });
});

describe('The streams: waits and branches', () => {
  let server: ScriptedStream;
  afterEach(() => server?.close());

  it('streams a tree by its root, until the server ends it', async () => {
    server = await ScriptedStream.start(
      { chunks: [frame(1, '', 'execution:completed').replace('id: 1', 'id: cursor')] },
      { status: 204 },
    );
    const client = new CloutAgent({ baseUrl: server.url, reconnect: { baseMs: 1, maxMs: 1 } });
    const types: string[] = [];
    for await (const { type } of client.executions.watch({ rootId: 'x' })) types.push(type);
    expect(types).toEqual(['execution:completed']);
    expect(server.requests.map(({ url }) => url)).toEqual([
      '/api/executions/stream?rootId=x',
      '/api/executions/stream?rootId=x',
    ]);
  });

  it('calls a handler for each of the new types, with its fields', async () => {
    const wait = { waitId: 'w', nodeId: 'n', stepId: 's', kind: 'approval' };
    server = await ScriptedStream.start({
      chunks: [
        frame(1, '', 'execution:waiting', { ...wait, message: 'Publish?' }),
        frame(2, '', 'execution:wait-ended', { ...wait, outcome: 'answered', by: 'key:1' }),
        frame(3, '', 'execution:branch', { nodeId: 'n', stepId: 's', taken: ['yes'], notTaken: ['no'] }),
        frame(4, '', 'execution:completed'),
      ],
    });
    const seen: unknown[] = [];
    const sse = new SSEClient({ baseUrl: server.url });
    const { promise, resolve } = Promise.withResolvers<void>();
    sse
      .on('execution:waiting', ({ kind, message }) => seen.push([kind, message]))
      .on('execution:wait-ended', ({ outcome, by }) => seen.push([outcome, by]))
      .on('execution:branch', ({ taken, notTaken }) => seen.push([taken, notTaken]))
      .onStateChange(({ status }) => void (status === 'closed' && resolve()));
    sse.connect('x');
    await promise;
    expect(seen).toEqual([
      ['approval', 'Publish?'],
      ['answered', 'key:1'],
      [['yes'], ['no']],
    ]);
  });

  it('does not take an execution that waits for one that has ended', async () => {
    const wait = { waitId: 'w', nodeId: 'n', stepId: 's', kind: 'timer' };
    server = await ScriptedStream.start(
      { chunks: [frame(1, '', 'execution:waiting', wait)] },
      { chunks: [frame(2, '', 'execution:completed')] },
      { headers: { 'content-type': 'application/json' }, chunks: ['{"id":"x","status":"completed"}'] },
    );
    const client = new CloutAgent({ baseUrl: server.url, reconnect: { baseMs: 1, maxMs: 1 } });
    expect(await client.executions.waitForEnd('x')).toMatchObject({ status: 'completed' });
    expect(server.requests).toHaveLength(3);
  });
});
