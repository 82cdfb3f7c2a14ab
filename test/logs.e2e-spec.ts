import { DatabaseControl } from './support/database-control.js';
import { startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, Server } from './support/server.js';
import { agent, start, Watch } from './support/watch.js';

interface Line {
  level: string;
  message: string;
  context?: string;
  requestId?: string;
  executionId?: string;
  nodeId?: string;
  nodeType?: string;
  stepId?: string;
  attempt?: number;
  code?: string;
  error?: { name: string; code?: string; message: string; stack?: string; cause?: { code?: string } };
}

describe('the log without a terminal', () => {
  let server: Server;
  let url: string;
  beforeAll(async () => {
    url = await createDatabase();
    server = await Server.start({
      DATABASE_URL: url,
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      OPENAI_COMPATIBLE_BASE_URL: await closedAddress(),
      RETRY_BASE_MS: '1',
      LOG_FORMAT: 'auto',
      LOG_LEVEL: 'log',
    });
  });
  afterAll(() => server.kill('SIGTERM'));

  const lines = (): Line[] =>
    server
      .output()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  const run = async (node: object): Promise<Line[]> => {
    const id = await server.startExecution(start([node]));
    await new Watch(server.url, `/api/executions/${id}/stream`).done();
    return lines().filter((line) => line.executionId === id);
  };

  it('is JSON from its first line, with the startup message', () => {
    expect(lines().some(({ message, level }) => level === 'log' && message.includes('listens on'))).toBe(
      true,
    );
  });

  it.each<[string, object, string, string]>([
    ['http', { url: '{{input}}', method: 'PUT' }, 'http_connect_failed', 'ECONNREFUSED'],
    ['agent', { model: 'openai-compatible/m', prompt: 'Hi' }, 'model_unavailable', 'ECONNREFUSED'],
  ])(
    'has a line for each failed attempt of a node of type %s, with its cause',
    async (type, config, code, cause) => {
      const input = await closedAddress();
      const id = await server.startExecution(start([{ id: 'a', type, data: { config } }], [], { input }));
      await new Watch(server.url, `/api/executions/${id}/stream`).done();
      const found = lines().filter((line) => line.executionId === id);
      expect(found.map(({ level, attempt }) => [level, attempt])).toEqual([
        ['log', 1],
        ['log', 2],
        ['warn', 3],
      ]);
      for (const line of found) {
        expect(line).toMatchObject({ nodeId: 'a', nodeType: type, code });
        expect(line.stepId).toMatch(/^[\w-]{36}$/);
        const { error } = line;
        expect([error?.code, error?.cause?.code]).toContain(cause);
      }
    },
  );

  it('has a line for a node that reaches its time limit', async () => {
    const slow = agent('a', { chunks: 1_000, delayMs: 100 });
    const [line] = await run({ ...slow, data: { ...slow.data, timeoutMs: 1, maxRetries: 0 } });
    expect(line).toMatchObject({ level: 'warn', nodeId: 'a', code: 'node_timeout' });
  });

  it('has a line for an execution that reaches its time limit', async () => {
    const limited = start([agent('a', { chunks: 1_000, delayMs: 100 })], [], { options: { timeoutMs: 1 } });
    const id = await server.startExecution(limited);
    await new Watch(server.url, `/api/executions/${id}/stream`).done();
    expect(lines().find((each) => each.executionId === id)).toMatchObject({ code: 'execution_timeout' });
  });

  it('has the id of a failed request, also after its body was read', async () => {
    const control = await DatabaseControl.open(url);
    await control.rows(
      `CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a fault' USING ERRCODE = 'XX000'; END $$`,
    );
    await control.rows(
      'CREATE TRIGGER broken BEFORE INSERT ON cloutagent.executions FOR EACH ROW EXECUTE FUNCTION broken()',
    );
    const headers = { 'x-request-id': 'find-me' };
    const { status } = await server.call(
      'POST',
      '/api/executions',
      start([{ id: 'a', type: 'approval' }]),
      headers,
    );
    await control.rows('DROP TRIGGER broken ON cloutagent.executions');
    await control.close();
    expect(status).toBe(500);
    const line = lines().find(({ requestId }) => requestId === 'find-me');
    expect(line).toMatchObject({
      level: 'error',
      message: 'POST /api/executions failed',
      error: { code: 'XX000', message: 'a fault' },
    });
    expect(line?.error?.stack).toContain('at ');
  });
});

it('the log with LOG_FORMAT=text is readable text with the same members', async () => {
  const server = await Server.start({ DATABASE_URL: await createDatabase(), LOG_FORMAT: 'text' });
  const id = await server.startExecution(
    start([{ id: 'a', type: 'transform', data: { config: { expression: '$error("no")' } } }]),
  );
  await new Watch(server.url, `/api/executions/${id}/stream`).done();
  await server.kill('SIGTERM');
  const line = server
    .output()
    .split('\n')
    .find((each) => each.includes(id));
  expect(line).toMatch(/WARN \[GraphRun\] the execution failed: .*no.*nodeId: 'a'/);
  expect(server.output()).toMatch(/^CloutAgent Executions listens on /m);
});

async function closedAddress(): Promise<string> {
  const closed = await startFakeHttpServer(() => undefined);
  await closed.close();
  return closed.url;
}
