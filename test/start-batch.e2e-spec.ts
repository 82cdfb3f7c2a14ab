import type { BatchResults } from '@cloutagent/contract';
import { createDatabase, Server } from './support/server.js';
import { agent, delay, start } from './support/watch.js';

let server: Server;
let database: string;
beforeAll(async () => {
  database = await createDatabase();
  server = await Server.start({ DATABASE_URL: database });
});
afterAll(() => server.kill());

const batchAt = async (
  { call }: Pick<Server, 'call'>,
  executions: unknown,
  headers: Record<string, string> = {},
) => {
  const answer = await call('POST', '/api/executions/batch', { executions }, headers);
  return { ...answer, body: answer.body as unknown as BatchResults & { code: string } };
};
const batch = (executions: unknown, headers?: Record<string, string>) =>
  batchAt({ call: server.call.bind(server) }, executions, headers);
const trivial = start([delay('a', 0)]);
const makeKey = async (body: object) => {
  const { key } = (await server.call('POST', '/api/keys', { name: 'k', ...body })).body;
  return { authorization: `Bearer ${key}` };
};

describe('POST /api/executions/batch', () => {
  it('starts the others when ten of 1,000 are wrong, and answers in the order of the list', async () => {
    const executions = Array.from({ length: 1_000 }, (_unused, index) =>
      index % 100 === 7
        ? { ...trivial, input: index, tags: index }
        : { ...trivial, input: index, tags: ['all'] },
    );
    const { status, body, headers } = await batch(executions);
    expect([status, body.started, body.failed, headers.get('cache-control')]).toEqual([
      200,
      990,
      10,
      'no-store',
    ]);
    expect(body.results.map(({ index }) => index)).toEqual(executions.map((_unused, index) => index));
    for (const { index, status: one, execution, problem } of body.results) {
      if (index % 100 === 7) {
        expect([one, execution]).toEqual([400, undefined]);
        expect(problem).toMatchObject({ code: 'validation_failed', errors: [{ path: 'tags' }] });
      } else
        expect([one, problem, execution]).toMatchObject([
          202,
          undefined,
          { status: 'queued', input: index, projectId: 'demo', tags: ['all'], steps: [], lastSequence: 0 },
        ]);
    }
    // They run, and began in the order of the list.
    const last = body.results.at(-1)!.execution!;
    const get = async () => (await server.call('GET', `/api/executions/${last.id}`)).body;
    while ((await get()).status !== 'completed');
    const ids = body.results.flatMap(({ execution }) => (execution ? [execution.id] : []));
    expect(ids).toEqual(ids.toSorted());
    expect((await server.call('GET', '/api/executions?tag=all&limit=1')).body.executions[0]?.id).toBe(
      last.id,
    );
  });

  it('answers each execution as a request of its own', async () => {
    const body = { ...trivial, input: { text: 'a\u0000b \ud800 é', 'x y': [1, -0.5, 1e300, null, true] } };
    const alone = (await server.call('POST', '/api/executions', body)).body;
    const [result] = (await batch([body])).body.results;
    const varying = { id: '', createdAt: '' };
    expect({ ...result!.execution, ...varying }).toEqual({ ...alone, ...varying });
    const stored = (await server.call('GET', `/api/executions/${result!.execution!.id}`)).body;
    expect(stored.input).toEqual(body.input);
    const wrong = start([agent('a', {}, { prompt: 7 })]);
    const refused = (await server.call('POST', '/api/executions', wrong)).body;
    const { instance: _instance, requestId: _requestId, ...problem } = refused;
    expect((await batch([wrong])).body.results[0]).toEqual({ index: 0, status: 400, problem });
  });

  it.each<[title: string, item: unknown, status: number, code: string]>([
    ['null', null, 400, 'validation_failed'],
    ['a number', 1, 400, 'validation_failed'],
    ['a list', [], 400, 'validation_failed'],
    ['an empty object', {}, 400, 'validation_failed'],
    [
      'a cycle',
      start(
        [agent('a'), agent('b')],
        [
          ['a', 'b'],
          ['b', 'a'],
        ],
      ),
      400,
      'validation_failed',
    ],
    ['a missing saved workflow', { projectId: 'demo', workflowRef: 'none' }, 404, 'not_found'],
    ['a key that is a number', { ...trivial, idempotencyKey: 7 }, 400, 'validation_failed'],
    ['a key with a space', { ...trivial, idempotencyKey: 'a b' }, 400, 'validation_failed'],
    ['an empty key', { ...trivial, idempotencyKey: '' }, 400, 'validation_failed'],
    ['an item that is too large', { ...trivial, input: 'x'.repeat(1_048_576) }, 413, 'body_too_large'],
    [
      'an item that is too deep',
      { ...trivial, input: JSON.parse(`${'['.repeat(32)}${']'.repeat(32)}`) as unknown },
      400,
      'validation_failed',
    ],
    [
      'an item with too many parts',
      { ...trivial, input: Array.from({ length: 20_001 }, () => []) },
      400,
      'validation_failed',
    ],
  ])('refuses %s alone', async (_title, item, status, code) => {
    const { body } = await batch([trivial, item, trivial]);
    expect(body.results.map((result) => result.status)).toEqual([202, status, 202]);
    expect(body.results[1]!.problem).toMatchObject({ status, code });
  });

  it.each<[title: string, body: unknown]>([
    ['no list', {}],
    ['an empty list', { executions: [] }],
    ['more than 1,000', { executions: Array.from({ length: 1_001 }, () => ({})) }],
    ['an object instead of a list', { executions: { length: 1 } }],
    ['an unknown member', { executions: [trivial], executons: [] }],
    ['null', null],
  ])('refuses a body with %s as a whole', async (_title, body) => {
    const { status, body: problem } = await server.call('POST', '/api/executions/batch', body);
    expect([status, problem.code]).toEqual([400, 'validation_failed']);
  });

  it('honours the key of each item, within a batch and between requests', async () => {
    const keyed = { ...trivial, input: 1, idempotencyKey: 'k1' };
    const first = (await batch([keyed, keyed, { ...keyed, input: 2 }, { ...keyed, idempotencyKey: 'k2' }]))
      .body;
    expect(first.results.map(({ status }) => status)).toEqual([202, 202, 422, 202]);
    expect(first.results.map(({ replayed }) => replayed)).toEqual([undefined, true, undefined, undefined]);
    expect(first.results[2]!.problem?.code).toBe('idempotency_key_reused');
    const id = first.results[0]!.execution!.id;
    expect(first.results[1]!.execution!.id).toBe(id);
    // A single request with the same key finds it, and a later batch does.
    const { idempotencyKey, ...single } = keyed;
    const alone = await server.call('POST', '/api/executions', single, { 'idempotency-key': idempotencyKey });
    expect([alone.body.id, alone.headers.get('idempotency-replayed')]).toEqual([id, 'true']);
    const [again] = (await batch([keyed])).body.results;
    expect([again!.execution!.id, again!.replayed]).toEqual([id, true]);
  });

  it('starts each key once when batches with the same keys in another order arrive together', async () => {
    const keyed = Array.from({ length: 200 }, (_unused, index) => ({
      ...trivial,
      idempotencyKey: `same-${index}`,
    }));
    const answers = await Promise.all(
      [keyed, keyed.toReversed(), keyed, keyed.toReversed()].map((executions) => batch(executions)),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const ids = answers.map(({ body }, index) => {
      const found = body.results.map(({ execution }) => execution!.id);
      return index % 2 === 0 ? found : found.toReversed();
    });
    for (const found of ids) expect(found).toEqual(ids[0]);
    const fresh = answers.flatMap(({ body }) => body.results).filter(({ replayed }) => replayed !== true);
    expect(fresh).toHaveLength(200);
  });

  it('checks project and scopes of each item', async () => {
    const as = await makeKey({ projects: ['mine'], scopes: ['executions:write'] });
    const { body } = await batch([{ ...trivial, projectId: 'mine' }, trivial], as);
    expect(body.results.map(({ status }) => status)).toEqual([202, 404]);
    expect(body.results[1]!.problem).toMatchObject({
      code: 'not_found',
      detail: 'There is no such project, or your credential has no access to it.',
    });
    const reader = await makeKey({ projects: ['demo'], scopes: ['executions:read'] });
    expect((await batch([trivial], reader)).status).toBe(403);
  });

  it('takes a larger body than a single start, up to a limit of its own', async () => {
    const large = { ...trivial, input: 'x'.repeat(1_000_000) };
    const { status, body } = await batch([large, large, large]);
    expect([status, body.started]).toEqual([200, 3]);
    const { status: refused, body: problem } = await batch(Array.from({ length: 9 }, () => large));
    expect([refused, problem.code]).toEqual([413, 'body_too_large']);
  });

  it('counts each execution towards the rate limit', async () => {
    const small = await Server.start({ DATABASE_URL: database, RATE_LIMIT_REQUESTS: '10' });
    const send = (count: number) =>
      batchAt(
        { call: small.call.bind(small) },
        Array.from({ length: count }, () => trivial),
      );
    const first = await send(6);
    expect([first.status, first.headers.get('ratelimit-remaining')]).toEqual([200, '4']);
    const refused = await send(5);
    expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited']);
    await small.kill();
  });

  it('starts nothing if the rate limit is reached, and lets others in between', async () => {
    const as = await makeKey({ projects: ['quiet'], scopes: ['executions:write', 'executions:read'] });
    const small = await Server.start({ DATABASE_URL: database, RATE_LIMIT_REQUESTS: '3' });
    const item = { ...trivial, projectId: 'quiet' };
    const { status } = await batchAt({ call: small.call.bind(small) }, [item, item, item, item], as);
    expect(status).toBe(429);
    await small.kill();
    expect((await server.call('GET', '/api/executions', undefined, as)).body.executions).toEqual([]);
  });
});
