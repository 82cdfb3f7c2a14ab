import type { ServerResponse } from 'node:http';
import { MessageFiles } from '../../src/engine/agents/message-files.js';
import { Messages } from '../../src/engine/agents/messages.js';
import { NodeError, TransientError } from '../../src/engine/extension/node-handler.js';
import { HostPolicy, systemResolver } from '../../src/engine/http/host-policy.js';
import { RestrictedHttpClient } from '../../src/engine/http/restricted-http-client.js';
import { type FakeHttpServer, startFakeHttpServer } from '../support/fake-http-server.js';

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const GIF = Buffer.from('R0lGODlhAQABAAAAACw=', 'base64');
const PDF = Buffer.from('%PDF-1.7 x');

let server: FakeHttpServer;
let http: RestrictedHttpClient;
const held: ServerResponse[] = [];
/** Requests that the server has not answered yet, at most so far. */
let open = 0;
let mostOpen = 0;

beforeAll(async () => {
  server = await startFakeHttpServer(({ path }, response) => {
    const send = (type: string, body: Buffer | string, status = 200) =>
      response.writeHead(status, { 'content-type': type }).end(body);
    const [, route, argument = ''] = /^\/(\w+)\/?(.*)$/.exec(path)!;
    if (route === 'png') return send('image/png', PNG);
    if (route === 'wrong') return send('text/plain', PNG);
    if (route === 'login') return send('text/html; charset=utf-8', '<h1>Log in</h1>');
    if (route === 'svg') return send('image/svg+xml', '<svg/>');
    if (route === 'pdf') return send('application/pdf', PDF);
    if (route === 'text') return send('text/csv; charset=utf-8', 'a,b');
    if (route === 'large') return send('image/png', Buffer.concat([PNG, Buffer.alloc(Number(argument))]));
    if (route === 'empty') return send('image/png', '');
    if (route === 'status') return send('text/plain', 'no', Number(argument));
    if (route === 'to') return response.writeHead(302, { location: decodeURIComponent(argument) }).end();
    if (route === 'many') {
      mostOpen = Math.max(mostOpen, (open += 1));
      return setImmediate(() => {
        open -= 1;
        send('image/png', PNG);
      });
    }
    return void held.push(response);
  });
  http = new RestrictedHttpClient(
    {
      HTTP_RESPONSE_MAX_BYTES: 10,
      HTTP_TIMEOUT_MS: 300,
      OUTPUT_MAX_DEPTH: 100,
      OUTPUT_MAX_PARTS: 20_000,
    },
    new HostPolicy({ HTTP_ALLOWED_HOSTS: [`127.0.0.1:${server.port}`] }, systemResolver),
  );
});
afterAll(async () => {
  await http.onApplicationShutdown();
  await server.close();
});
beforeEach(() => server.requests.splice(0));

const NEVER = new AbortController().signal;
const prompt = (messages: unknown, limits: object = {}, signal = NEVER) =>
  new MessageFiles(http, {
    MESSAGE_FILE_MAX_BYTES: 1_000,
    MESSAGE_FILES_MAX_BYTES: 1_500,
    MAX_MESSAGE_FILES: 5,
    ...limits,
  }).prompt(Messages.parse(messages), { signal, redact: (text) => text });
const user = (...content: unknown[]) => [{ role: 'user', content }];
const image = (path: string, more: object = {}) => ({
  type: 'image',
  image: `${server.url}/${path}`,
  ...more,
});
const file = (data: unknown, mediaType: string, more: object = {}) => ({
  type: 'file',
  data,
  mediaType,
  ...more,
});
const failure = async (messages: unknown, limits: object = {}): Promise<NodeError> => {
  const outcome: unknown = await prompt(messages, limits).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(NodeError);
  return outcome as NodeError;
};

it('makes a prompt of texts, calls and results, and joins messages of the role tool', async () => {
  const call = (id: string) => ({ type: 'tool-call', toolCallId: id, toolName: 't', input: { id } });
  const result = (id: string) => ({
    type: 'tool-result',
    toolCallId: id,
    toolName: 't',
    output: { type: 'json', value: [id] },
  });
  const options = { anthropic: { cacheControl: { type: 'ephemeral' } } };
  expect(
    await prompt([
      { role: 'system', content: 'Be brief.', providerOptions: options },
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        content: [{ type: 'reasoning', text: 'hm', providerOptions: options }, call('a'), call('b')],
      },
      { role: 'tool', content: [result('a')] },
      { role: 'tool', content: [result('b')] },
    ]),
  ).toEqual([
    { role: 'system', content: 'Be brief.', providerOptions: options },
    { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
    {
      role: 'assistant',
      content: [{ type: 'reasoning', text: 'hm', providerOptions: options }, call('a'), call('b')],
    },
    { role: 'tool', content: [result('a'), result('b')] },
  ]);
});

it('loads images and files, and finds their media types', async () => {
  const [message] = await prompt(
    user(
      image('png'),
      image('wrong', { mediaType: 'image/gif' }),
      image('svg'),
      file(`${server.url}/pdf`, 'application/pdf', { filename: 'a.pdf' }),
      file({ type: 'url', url: `${server.url}/text` }, 'text'),
    ),
  );
  const data = (bytes: Buffer) => ({ type: 'data', data: bytes });
  expect(message!.content).toEqual([
    { type: 'file', data: data(PNG), mediaType: 'image/png' },
    { type: 'file', data: data(PNG), mediaType: 'image/png' },
    { type: 'file', data: data(Buffer.from('<svg/>')), mediaType: 'image/svg+xml' },
    { type: 'file', data: data(PDF), mediaType: 'application/pdf', filename: 'a.pdf' },
    { type: 'file', data: data(Buffer.from('a,b')), mediaType: 'text/csv' },
  ]);
});

it('reads data URLs, base64, texts and references without a request', async () => {
  const [message] = await prompt(
    user(
      { type: 'image', image: GIF.toString('base64') },
      { type: 'image', image: `data:image/png;base64,${encodeURIComponent(GIF.toString('base64'))}` },
      file('data:text/plain,a%20b', 'text/*'),
      file({ type: 'text', text: 'x' }, 'text/plain'),
      file({ type: 'reference', reference: { anthropic: 'file_1' } }, 'application/pdf'),
    ),
  );
  expect(message!.content).toEqual([
    { type: 'file', data: { type: 'data', data: GIF }, mediaType: 'image/gif' },
    { type: 'file', data: { type: 'data', data: GIF }, mediaType: 'image/gif' },
    { type: 'file', data: { type: 'data', data: Buffer.from('a b') }, mediaType: 'text/plain' },
    { type: 'file', data: { type: 'text', text: 'x' }, mediaType: 'text/plain' },
    {
      type: 'file',
      data: { type: 'reference', reference: { anthropic: 'file_1' } },
      mediaType: 'application/pdf',
    },
  ]);
  expect(server.requests).toEqual([]);
});

it('gives the files of results to the model as base64', async () => {
  const output = {
    type: 'content',
    value: [{ type: 'text', text: 'see' }, file(`${server.url}/png`, 'image/png')],
  };
  const messages = await prompt([
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: [{ type: 'tool-call', toolCallId: 'a', toolName: 't', input: {} }] },
    { role: 'tool', content: [{ type: 'tool-result', toolCallId: 'a', toolName: 't', output }] },
  ]);
  expect(messages[2]!.content).toMatchObject([
    {
      output: {
        type: 'content',
        value: [
          { type: 'text', text: 'see' },
          { type: 'file', data: { type: 'data', data: PNG.toString('base64') }, mediaType: 'image/png' },
        ],
      },
    },
  ]);
});

it('loads a URL once, and few URLs at the same time', async () => {
  await prompt(user(image('png'), image('png'), image('png')));
  expect(server.requests).toHaveLength(1);
  const images = Array.from({ length: 20 }, (_unused, index) => image(`many/${index}`));
  await prompt(user(...images), { MAX_MESSAGE_FILES: 20 });
  expect(server.requests).toHaveLength(21);
  expect(mostOpen).toBeGreaterThan(1);
  expect(mostOpen).toBeLessThanOrEqual(4);
});

it.each<[string, () => unknown[], object, string, RegExp]>([
  [
    'a page instead of an image',
    () => [image('login')],
    {},
    'message_file_invalid',
    /^messages\.0\.content\.0 is not an image that can be read: it was sent as text\/html\. Use PNG/,
  ],
  [
    'text instead of an image',
    () => [{ type: 'image', image: 'aGVsbG8=' }],
    {},
    'message_file_invalid',
    /is not an image that can be read\. Use PNG/,
  ],
  [
    'a document instead of an image',
    () => [image('pdf')],
    {},
    'message_file_invalid',
    /sent as application\/pdf/,
  ],
  [
    'a page instead of a document',
    () => [file(`${server.url}/login`, 'application/pdf')],
    {},
    'message_file_invalid',
    /^messages\.0\.content\.0 is not application\/pdf, although its mediaType says so\.$/,
  ],
  [
    'a media type that cannot be found',
    () => [file('aGVsbG8=', 'audio/*')],
    {},
    'message_file_invalid',
    /write a whole one in mediaType, such as audio\/…/,
  ],
  [
    'an image that is too large',
    () => [{ type: 'text', text: 'x' }, image('large/1000')],
    {},
    'message_file_invalid',
    /^messages\.0\.content\.1 has more than 1000 bytes \(MESSAGE_FILE_MAX_BYTES\)/,
  ],
  [
    'data that is too large',
    () => [file('A'.repeat(2_000), 'a/b')],
    {},
    'message_file_invalid',
    /has more than 1000 bytes \(MESSAGE_FILE_MAX_BYTES\)/,
  ],
  [
    'files that are too large together',
    () => [image('large/800'), image('large/801')],
    {},
    'message_file_invalid',
    /more than 1500 bytes together \(MESSAGE_FILES_MAX_BYTES\)/,
  ],
  [
    'too many files',
    () => Array.from({ length: 6 }, () => image('png')),
    {},
    'message_file_invalid',
    /^messages have 6 files; the limit is 5 \(MAX_MESSAGE_FILES\)\.$/,
  ],
  [
    'files where none are allowed',
    () => [image('png')],
    { MAX_MESSAGE_FILES: 0 },
    'message_file_invalid',
    /the limit is 0/,
  ],
  ['an empty response', () => [image('empty')], {}, 'message_file_invalid', /is empty/],
  [
    'a missing file',
    () => [image('status/404')],
    {},
    'http_status',
    /^messages\.0\.content\.0 cannot be loaded: .* responded with status 404: no$/,
  ],
  ['a server that fails', () => [image('status/503')], {}, 'http_unavailable', /status 503/],
  [
    'a slow server',
    () => [image('hold')],
    {},
    'http_timeout',
    /^messages\.0\.content\.0 cannot be loaded: .* within 300 ms\.$/,
  ],
  [
    'a host that is not allowed',
    () => [{ type: 'image', image: 'http://127.0.0.1:1/x.png' }],
    {},
    'host_not_allowed',
    /^messages\.0\.content\.0 cannot be loaded: .*HTTP_ALLOWED_HOSTS/,
  ],
  [
    'a redirect to a host that is not allowed',
    () => [image(`to/${encodeURIComponent('http://169.254.169.254/')}`)],
    {},
    'host_not_allowed',
    /169\.254\.169\.254 is not allowed/,
  ],
  [
    'a redirect to a file',
    () => [image(`to/${encodeURIComponent('file:///etc/passwd')}`)],
    {},
    'host_not_allowed',
    /file: is not allowed/,
  ],
])('refuses %s', async (_what, content, limits, code, message) => {
  const error = await failure(user(...content()), limits);
  expect(error.code).toBe(code);
  expect(error.message).toMatch(message);
  expect(error instanceof TransientError).toBe(['http_unavailable', 'http_timeout'].includes(code));
});

it('stops the other loads after a failure, and all of them when it is aborted', async () => {
  const before = held.length;
  expect((await failure(user(image('hold/a'), image('status/404')))).code).toBe('http_status');
  const controller = new AbortController();
  const outcome = prompt(user(image('hold/b')), {}, controller.signal);
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(outcome).rejects.toBe(reason);
  for (const response of held.slice(before))
    if (!response.closed) await new Promise((resolve) => response.once('close', resolve));
});

it('checks the order of the messages again, because ids are known only now', async () => {
  const messages = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: [{ type: 'tool-call', toolCallId: 'a', toolName: 't', input: {} }] },
    { role: 'user', content: 'Hi' },
  ];
  const files = new MessageFiles(http, {
    MESSAGE_FILE_MAX_BYTES: 1,
    MESSAGE_FILES_MAX_BYTES: 1,
    MAX_MESSAGE_FILES: 1,
  });
  await expect(
    files.prompt(messages as never, { signal: NEVER, redact: (text) => text }),
  ).rejects.toMatchObject({
    code: 'invalid_config',
    message: expect.stringContaining('messages.1.content.0 calls the tool t and has no result'),
  });
});
