import { SecretRedactor } from './secret-redactor.js';
import { parseSettings } from './settings.js';

const KEY = 'sk-ant-api03-AbC_d.e+f/g';
const TOKEN = `cbk_${'aZ0-_'.repeat(9).slice(0, 43)}`;
const redactor = new SecretRedactor([
  KEY,
  'with "quotes" and \\',
  'pass word/ä',
  'sk-ant-api03-AbC_d.e+f/g-longer',
]);

it.each([
  [`x ${KEY} y ${KEY}`, 'x [redacted] y [redacted]'],
  [`the longer one: ${KEY}-longer.`, 'the longer one: [redacted].'],
  [encodeURIComponent(KEY), '[redacted]'],
  [encodeURIComponent('pass word/ä'), '[redacted]'],
  ['with "quotes" and \\', '[redacted]'],
  [JSON.stringify('with "quotes" and \\'), '"[redacted]"'],
  [JSON.stringify(JSON.stringify('with "quotes" and \\')), '"\\"[redacted]\\""'],
  ['sk-ant-api03-AbC_d.e f/g', 'sk-ant-api03-AbC_d.e f/g'],
  ['', ''],
  [`https://x.example/api/callbacks/${TOKEN}?a`, 'https://x.example/api/callbacks/[redacted]?a'],
  [JSON.stringify(TOKEN), '"[redacted]"'],
  [TOKEN.slice(0, -1), TOKEN.slice(0, -1)],
])('replaces the secrets in %j', (text, expected) => expect(redactor.text(text)).toBe(expected));

it.each([
  { quoted: `"${KEY}"`, [KEY]: [KEY] },
  'with "quotes" and \\',
  JSON.stringify({ inner: 'with "quotes" and \\' }),
])('returns valid JSON for %j', (value) => {
  const json = redactor.json(JSON.stringify(value));
  expect(JSON.stringify(JSON.parse(json))).not.toContain('quotes');
  expect(json).not.toContain(KEY);
  expect(json).toContain('[redacted]');
});

it('does not change the structure of JSON when a secret looks like a part of it', () => {
  const hostile = new SecretRedactor(['a","b":"c']);
  expect(hostile.json('{"x":"a","b":"c"}')).toBe('{"x":"a","b":"c"}');
});

it.each([
  ['nothing', 0],
  ['it is', 1],
  ['x sk-ant', 6],
  [KEY.slice(0, -1), KEY.length - 1],
  ['x pass wor', 8],
  ['', 0],
  ['x cb', 2],
  [`x ${TOKEN.slice(0, -1)}`, 46],
  ['x cbk!', 0],
])('counts the characters at the end of %j that may begin a secret', (text, expected) =>
  expect(redactor.openEnd(text)).toBe(expected),
);

it('redacts the secrets of the settings, but no ordinary words', () => {
  const of = SecretRedactor.of(
    parseSettings({
      DATABASE_URL: 'postgres://cloutagent:p%40ss-word-1@localhost:5432/db',
      ANTHROPIC_API_KEY: 'short',
      OPENAI_COMPATIBLE_API_KEY: 'gateway-key-123',
      JWT_SECRET: 'a secret of 32 characters, at least',
      METRICS_TOKEN: 'm'.repeat(32),
      BOOTSTRAP_API_KEY: 'b'.repeat(32),
    }),
  );
  const text = `p@ss-word-1 p%40ss-word-1 short gateway-key-123 a secret of 32 characters, at least ${'m'.repeat(32)} ${'b'.repeat(32)}`;
  expect(of.text(text)).toBe('[redacted] [redacted] short [redacted] [redacted] [redacted] [redacted]');
  const ordinary = SecretRedactor.of(
    parseSettings({ DATABASE_URL: 'postgres://postgres:postgres@localhost/db' }),
  );
  expect(ordinary.text('a table in postgres')).toBe('a table in postgres');
});

it('redacts the credentials of NATS', () => {
  const of = SecretRedactor.of(
    parseSettings({ NATS_URL: 'nats://app:p%40ss-of-nats-1@one:4222, nats://token-of-nats-1@two' }),
  );
  expect(of.text('p@ss-of-nats-1 p%40ss-of-nats-1 token-of-nats-1')).toBe('[redacted] [redacted] [redacted]');
});

it('redacts the secrets of MCP servers', () => {
  const servers = {
    docs: { url: 'https://mcp.example.com/mcp', headers: { Authorization: 'Bearer token-of-docs-1' } },
    crm: { url: 'https://crm.example.com/mcp', oauth: { clientId: 'me', clientSecret: 'secret-of-crm-1' } },
    files: { command: 'files', env: { FILES_KEY: 'key-of-files-1' } },
  };
  const of = SecretRedactor.of(parseSettings({ MCP_SERVERS: JSON.stringify(servers) }));
  expect(of.text('token-of-docs-1 secret-of-crm-1 key-of-files-1')).toBe('[redacted] [redacted] [redacted]');
});

it('redacts the keys of model providers and endpoints', () => {
  const endpoints = {
    box: { baseUrl: 'https://ai.example.com/v1', apiKey: 'key-of-box-1' },
    azure: { baseUrl: 'https://ai.example.com/v1', headers: { Authorization: 'Bearer token-of-azure-1' } },
  };
  const of = SecretRedactor.of(
    parseSettings({
      OPENAI_API_KEY: 'key-of-openai-1',
      GOOGLE_API_KEY: 'key-of-google-1',
      MISTRAL_API_KEY: 'key-of-mistral-1',
      MODEL_ENDPOINTS: JSON.stringify(endpoints),
    }),
  );
  expect(of.text('key-of-openai-1 key-of-google-1 key-of-mistral-1 key-of-box-1 token-of-azure-1')).toBe(
    '[redacted] [redacted] [redacted] [redacted] [redacted]',
  );
});

it('redacts the credentials of proxies', () => {
  const of = SecretRedactor.of(
    parseSettings({
      HTTP_PROXY: 'http://token-of-proxy-1@proxy.example:3128',
      HTTPS_PROXY: 'http://user:p%40ss-of-proxy@proxy.example:3128',
    }),
  );
  const header = Buffer.from('user:p@ss-of-proxy').toString('base64');
  expect(of.text(`token-of-proxy-1 user:p@ss-of-proxy p%40ss-of-proxy Basic ${header}`)).toBe(
    '[redacted] user:[redacted] [redacted] Basic [redacted]',
  );
});
