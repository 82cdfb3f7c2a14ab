import { once } from 'node:events';
import { get } from 'node:http';
import { createDatabase, Server } from './support/server.js';
import { pathOf, start, Watch } from './support/watch.js';

const HANGING = '($f := function($n) { $f($n + 1) }; $f(0))';
/** Has the maximum size. One takes half a second to parse; ten take longer than the limit. */
const COMPLEX = `a.b.c${'.(%.%)'.repeat(3_332)}`;
const transform = (id: string, expression: string, more: object = {}) => ({
  id,
  type: 'transform',
  data: { config: { expression }, ...more },
});
const of = (projectId: string, nodes: object[]) => ({ ...start(nodes), projectId });

describe('expressions', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      MAX_TRANSFORM_PROCESSES: '2',
      TRANSFORM_TIMEOUT_MS: '1000',
      CHECK_TIMEOUT_MS: '1000',
    });
  });
  afterAll(() => server.kill('SIGTERM'));

  const lastFrameOf = async (id: string) =>
    (await new Watch(server.url, pathOf(id)).done(60_000)).frames.at(-1)!;
  /** Counts the requests that the server answers one after another until `done` settles. */
  const answersUntil = async (done: Promise<unknown>): Promise<number> => {
    let answers = 0;
    let isDone = false;
    void done.finally(() => (isDone = true));
    while (!isDone) {
      const [response] = await once(get(new URL('/health/live', server.url), { agent: false }), 'response');
      response.resume();
      answers += 1;
    }
    return answers;
  };

  it('that would take minutes to parse are refused while the server answers other requests', async () => {
    const nodes = Array.from({ length: 50 }, (_, index) => transform(`n${index}`, COMPLEX));
    const refused = server.call('POST', '/api/executions', of('complex', nodes));
    expect(await answersUntil(refused)).toBeGreaterThan(3);
    const { status, body } = await refused;
    expect([status, body.code, body.errors]).toEqual([
      400,
      'expression_too_complex',
      [
        {
          // The number of expressions that a process parses within the limit depends on the machine.
          path: expect.stringMatching(/^workflow\.nodes\.\d+\.data\.config\.expression$/) as string,
          message: expect.stringContaining('CHECK_TIMEOUT_MS') as string,
        },
      ],
    ]);
  });

  it('get 503 when no process is free to check them, and one process stays free for other projects', async () => {
    const nodes = Array.from({ length: 10 }, (_, index) => transform(`n${index}`, COMPLEX));
    const complex = of('complex', nodes);
    const posted = Array.from({ length: 4 }, () => server.call('POST', '/api/executions', complex));
    const other = await server.call('POST', '/api/executions', of('other', [transform('a', '1 + 1')]));
    expect(other.status).toBe(202);
    const answers = await Promise.all(posted);
    const busy = answers.find(({ status }) => status === 503)!;
    expect([busy.body.code, busy.headers.get('retry-after')]).toEqual(['no_worker_free', '1']);
    expect(answers.filter(({ status }) => status === 400).length).toBeGreaterThan(0);
  });

  it('of one project run while 15 of another project hang, and waiting does not count towards their time limit', async () => {
    const hanging = await Promise.all(
      Array.from({ length: 15 }, () =>
        server.startExecution(of('hanging', [transform('a', HANGING, { maxRetries: 0, timeoutMs: 5_000 })])),
      ),
    );
    const ends = hanging.map(lastFrameOf);
    let ended = 0;
    for (const end of ends) void end.then(() => (ended += 1));
    for (let job = 0; job < 3; job += 1) {
      const end = await lastFrameOf(await server.startExecution(of('other', [transform('a', '1 + 1')])));
      expect([end.type, end.data.result.output]).toEqual(['execution:completed', 2]);
    }
    expect(ended).toBeLessThan(10);
    // The last node waits fifteen seconds for a process, which does not count towards its time limit of five seconds.
    for (const end of await Promise.all(ends)) expect(end.data.code).toBe('transform_failed');
  });
});
