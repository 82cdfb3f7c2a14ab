import { createDatabase, Server } from './support/server.js';
import { delay, start } from './support/watch.js';

describe('a request body', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase() });
  });
  afterAll(() => server.kill('SIGTERM'));

  const post = (body: unknown, headers: Record<string, string> = {}) =>
    server.call('POST', '/api/executions', body, headers);
  const text = (input: string) =>
    `{"projectId":"demo","input":${input},"workflow":{"nodes":[{"id":"a","type":"delay","data":{"config":{"ms":0}}}]}}`;

  it.each([
    '12345678901234567890',
    '{"id":[9007199254740993]}',
    '-9007199254740993',
    '9223372036854775808',
    '[18446744073709551616]',
    '1152921504606847232',
  ])('is refused if a number cannot hold its integer exactly: %s', async (input) => {
    const { status, body } = await post(text(input));
    expect([status, body.code]).toEqual([400, 'validation_failed']);
    expect(body.errors[0]!.message).toMatch(/the integer -?\d+ would lose digits.*send it as a string/);
  });

  it.each([
    '"12345678901234567890"',
    '9007199254740991',
    '1e300',
    '0.30000000000000004',
    '[100000000000000000]',
  ])('keeps the value %s exactly', async (input) => {
    const { status, body } = await post(text(input));
    expect([status, body.input]).toEqual([202, JSON.parse(input)]);
  });

  it.each([
    'application/json; charset=UTF8',
    'application/json;charset="utf8"',
    'application/json; charset=utf-8',
    'application/json; charset=us-ascii',
    'application/json; charset=unicode-1-1-utf-8',
  ])('is accepted with the content type %s', async (type) => {
    expect((await post(text('"ü"'), { 'content-type': type })).body.input).toBe('ü');
  });

  it.each(['application/json; charset=latin1', 'application/json; charset=nonsense'])(
    'is refused with the content type %s',
    async (type) => {
      const { status, body } = await post(text('"ü"'), { 'content-type': type });
      expect([status, body.code]).toEqual([415, 'unsupported_charset']);
    },
  );

  it('may have MAX_JSON_PARTS objects and lists, and any number of scalars', async () => {
    const list = (item: string, length: number) => `[${Array<string>(length).fill(item).join()}]`;
    // The body around the input has 15 parts, and the list is one part.
    expect((await post(text(list('{}', 19_980)))).status).toBe(202);
    expect((await post(text(list('1', 400_000)))).status).toBe(202);
    const { status, body } = await post(text(list('{"a":{}}', 10_000)));
    expect([status, body.code, body.errors[0]!.message]).toEqual([
      400,
      'validation_failed',
      expect.stringMatching(/JSON must not have more than 20000 .* this has 30016 \(MAX_JSON_PARTS\)/),
    ]);
  });

  it('is refused with another encoding than UTF-8', async () => {
    const { status, body } = await post(text('1'), { 'content-type': 'application/json; charset=utf-16' });
    expect([status, body.code]).toEqual([415, 'unsupported_charset']);
  });

  it('matches its Idempotency-Key in any order of members, and is refused with another content', async () => {
    const key = { 'idempotency-key': 'one' };
    const one = {
      ...start([delay('a', 1), delay('b', 2)], [['a', 'b']]),
      input: { x: 1, y: [{ p: 1, q: 2 }] },
      tags: ['t'],
    };
    const { projectId, workflow } = one;
    const other = {
      tags: ['t'],
      options: null,
      workflow: {
        edges: [{ target: 'b', source: 'a' }],
        nodes: workflow.nodes.map((node) => Object.fromEntries(Object.entries(node).toReversed())),
      },
      input: { y: [{ q: 2, p: 1 }], x: 1 },
      projectId,
    };
    const first = await post(one, key);
    const second = await post(other, key);
    expect([first.status, second.status, second.headers.get('idempotency-replayed')]).toEqual([
      202,
      202,
      'true',
    ]);
    expect(second.body.id).toBe(first.body.id);
    const third = await post({ ...other, input: { y: [{ q: 2, p: 1 }], x: 2 } }, key);
    expect([third.status, third.body.code]).toEqual([422, 'idempotency_key_reused']);
    const reordered = await post(
      { ...other, tags: ['t'], workflow: { ...other.workflow, nodes: workflow.nodes.toReversed() } },
      key,
    );
    expect(reordered.status).toBe(422);
  });
});
