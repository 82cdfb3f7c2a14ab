import { RecordingServer } from '../../../test/support/recording-server.js';
import { frame, type ScriptedAnswer, ScriptedStream } from '../../../test/support/scripted-stream.js';
import { CloutAgent } from './client.js';

const REQUEST = { projectId: 'demo', workflowRef: 'compare@production', input: 'SSE' };
const json = (body: object, status = 200): ScriptedAnswer => ({
  status,
  headers: { 'content-type': 'application/json' },
  chunks: [JSON.stringify(body)],
});
const established = `event: connection:established\ndata: ${JSON.stringify({ type: 'connection:established', executionId: 'a/b', sequence: 0 })}\n\n`;

describe('Starting an execution', () => {
  let server: ScriptedStream;
  afterEach(() => server?.close());
  const clientOf = () => new CloutAgent({ baseUrl: server.url, reconnect: { baseMs: 1, maxMs: 1 } });
  const sent = () => server.requests.map(({ method, url }) => `${method} ${url}`);

  it('returns the ended execution of one request', async () => {
    server = await ScriptedStream.start(json({ id: 'x', status: 'failed', completedAt: 't' }));
    const options = { waitSeconds: 5, idempotencyKey: 'once' };
    expect(await clientOf().executions.startAndWait(REQUEST, options)).toMatchObject({ status: 'failed' });
    expect(sent()).toEqual(['POST /api/executions']);
    expect(server.requests[0]!.headers).toMatchObject({ prefer: 'wait=5', 'idempotency-key': 'once' });
  });

  it('follows the stream of an execution that takes longer than the server waits', async () => {
    server = await ScriptedStream.start(
      json({ id: 'x', status: 'running' }, 202),
      { chunks: [frame(9, '', 'execution:completed')] },
      json({ id: 'x', status: 'completed', completedAt: 't' }),
    );
    expect(await clientOf().executions.startAndWait(REQUEST)).toMatchObject({ status: 'completed' });
    expect(sent()).toEqual([
      'POST /api/executions',
      'GET /api/executions/x/stream?types=execution%3Acompleted%2Cexecution%3Afailed%2Cexecution%3Acancelled',
      'GET /api/executions/x',
    ]);
    expect(server.requests[0]!.headers).toMatchObject({ prefer: 'wait=30' });
  });

  it('streams an execution that it starts, and resumes its own stream', async () => {
    server = await ScriptedStream.start(
      { status: 503 },
      { chunks: [established, frame(1, 'a', undefined, { executionId: 'a/b' })], ending: 'cut' },
      { chunks: [frame(2, '', 'execution:completed', { executionId: 'a/b' })] },
    );
    const seen: number[] = [];
    for await (const { sequence } of clientOf().executions.startAndStream(REQUEST)) seen.push(sequence);
    expect(seen).toEqual([1, 2]);
    expect(sent()).toEqual([
      'POST /api/executions',
      'POST /api/executions',
      'GET /api/executions/a%2Fb/stream',
    ]);
    const [first, second, third] = server.requests.map(({ headers }) => headers);
    expect(first!['idempotency-key']).toMatch(/^[\d-]{10,}$/);
    expect(second).toMatchObject({
      'idempotency-key': first!['idempotency-key'],
      accept: 'text/event-stream',
    });
    expect(third).toMatchObject({ 'last-event-id': '1' });
    expect(third).not.toHaveProperty('idempotency-key');
  });

  it('throws the problem of a start that is refused', async () => {
    server = await ScriptedStream.start({
      status: 400,
      headers: { 'content-type': 'application/problem+json' },
      chunks: [JSON.stringify({ code: 'input_invalid', detail: 'The input does not fit.', status: 400 })],
    });
    const stream = clientOf().executions.startAndStream(REQUEST, { idempotencyKey: 'mine' });
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'input_invalid' });
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]!.headers).toMatchObject({ 'idempotency-key': 'mine' });
  });
});

describe('Requests about executions', () => {
  let server: RecordingServer;
  afterEach(() => server?.close());

  it('checks, starts in a batch, deletes, and lists by workflow and time', async () => {
    server = await RecordingServer.start(200, {});
    const { executions } = new CloutAgent({ baseUrl: server.url });
    await executions.validate(REQUEST);
    await executions.startBatch({ executions: [{ ...REQUEST, idempotencyKey: 'a' }] });
    await executions.delete('x');
    await executions.list({ workflow: 'compare@3', createdAfter: '2026-01-01T00:00:00Z' });
    await executions.list({ createdBefore: '2026-02-01T00:00:00Z' });
    expect(server.requests.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['POST', '/api/executions/validate', REQUEST],
      ['POST', '/api/executions/batch', { executions: [{ ...REQUEST, idempotencyKey: 'a' }] }],
      ['DELETE', '/api/executions/x', undefined],
      ['GET', '/api/executions?workflow=compare%403&createdAfter=2026-01-01T00%3A00%3A00Z', undefined],
      ['GET', '/api/executions?createdBefore=2026-02-01T00%3A00%3A00Z', undefined],
    ]);
  });
});
