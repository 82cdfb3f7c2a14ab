import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSettings } from './settings.js';

const read = (path: string): string => readFileSync(join(import.meta.dirname, path), 'utf8');

describe('.env.example', () => {
  const lines = [...read('../../.env.example').matchAll(/^(# )?([A-Z][A-Z0-9_]+)=(.*)$/gm)];
  const names = lines.map(([, , name]) => name!);

  it('has every setting once', () => {
    const schema = [...read('settings.ts').matchAll(/^ {4}([A-Z][A-Z0-9_]+): /gm)].map(([, name]) => name!);
    expect(schema.length).toBeGreaterThan(90);
    expect(names.toSorted()).toEqual(schema.toSorted());
  });

  it('shows the default of every setting that has one', () => {
    const defaults = parseSettings({}) as Record<string, unknown>;
    for (const [, comment, name, value] of lines)
      if (comment === undefined) expect([name, value]).toEqual([name, String(defaults[name!])]);
      else expect([undefined, '', '[]', '{}'].map(String)).toContain(describeDefault(defaults[name!]));
  });
});

/** Settings without a default, or with an empty one, are commented out. */
function describeDefault(value: unknown): string {
  if (value === undefined) return 'undefined';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

describe('MODEL_PRICES', () => {
  it('has every member of a price', () => {
    const rates = { input: 1, output: 2, cachedRead: 0.1, cachedWrite: 1.25, reasoning: 3 };
    const prices = { 'acme/large': { ...rates, longPrompt: { above: 100_000, ...rates } } };
    expect(parseSettings({ MODEL_PRICES: JSON.stringify(prices) }).MODEL_PRICES).toEqual(prices);
  });

  it.each([
    '{',
    '[]',
    '{"a/b":1}',
    '{"a/b":{"input":1}}',
    '{"a/b":{"input":-1,"output":1}}',
    '{"a/b":{"input":"1","output":1}}',
    '{"a/b":{"input":1e999,"output":1}}',
    '{"a/b":{"input":1e300,"output":1}}',
    '{"a/b":{"input":1,"output":1,"cacheRead":1}}',
    '{"a/b":{"input":1,"output":1,"longPrompt":{"above":1.5,"input":1,"output":1}}}',
  ])('refuses %s with its name', (value) => {
    expect(() => parseSettings({ MODEL_PRICES: value })).toThrow(/MODEL_PRICES/);
  });
});

it.each<[string, RegExp]>([
  ['{', /must be JSON, for example/],
  ['{"a b":{"url":"https://example.com"}}', /MCP_SERVERS: a b .*letters/],
  ['{"docs":{"url":"ftp://example.com"}}', /docs\.url must be a URL/],
  ['{"docs":{"url":"https://example.com","command":"rm"}}', /docs .*url/],
  ['{"docs":{"headers":{}}}', /docs\.url/],
  ['{"docs":{"url":"https://example.com","approval":"perhaps"}}', /docs\.approval must be "never"/],
  [
    '{"docs":{"url":"https://example.com","headers":{"authorization":"x"},"oauth":{"clientId":"a","clientSecret":"b-secret"}}}',
    /docs may have "oauth" or the header Authorization, not both/,
  ],
])('refuses the MCP servers %s, and does not show them', (value, message) => {
  expect(() => parseSettings({ MCP_SERVERS: value })).toThrow(message);
  expect(() => parseSettings({ MCP_SERVERS: value })).not.toThrow('b-secret');
});

describe('MODEL_ENDPOINTS', () => {
  it('takes headers with spaces', () => {
    const endpoints = {
      box: {
        baseUrl: 'https://ai.example.com/v1',
        headers: { Authorization: 'Basic abc', 'x-title': 'My app' },
      },
    };
    expect(parseSettings({ MODEL_ENDPOINTS: JSON.stringify(endpoints) }).MODEL_ENDPOINTS).toEqual(endpoints);
  });

  it.each<[object, RegExp]>([
    [{ timeout: 1 }, /MODEL_ENDPOINTS: box .*timeout/],
    [{ baseUrl: 'ftp://ai.example.com' }, /MODEL_ENDPOINTS: box\.baseUrl must be a URL/],
    [{ headers: { 'x y': 'z' } }, /MODEL_ENDPOINTS: box\.headers\.x y .*header name/],
    [{ headers: { 'x-y': 'two\nlines' } }, /MODEL_ENDPOINTS: box\.headers\.x-y .*on one line/],
    [{ prices: { m: { input: 1 } } }, /MODEL_ENDPOINTS: box\.prices\.m\.output/],
  ])('refuses an endpoint with %j, and does not show its key', (more, message) => {
    const endpoint = { baseUrl: 'https://ai.example.com/v1', apiKey: 'key-of-the-box', ...more };
    const settings = { MODEL_ENDPOINTS: JSON.stringify({ box: endpoint }) };
    expect(() => parseSettings(settings)).toThrow(message);
    expect(() => parseSettings(settings)).not.toThrow('key-of-the-box');
  });

  it('refuses a name with a slash', () => {
    const settings = { MODEL_ENDPOINTS: '{"a/b":{"baseUrl":"https://ai.example.com/v1"}}' };
    expect(() => parseSettings(settings)).toThrow(/MODEL_ENDPOINTS: a\/b .*letters/);
  });
});

it.each(['HTTP_PROXY', 'HTTPS_PROXY'])('refuses a %s that is no URL, and does not show it', (name) => {
  expect(() => parseSettings({ [name]: 'user:password-1' })).toThrow(`${name}: must be a URL`);
  expect(() => parseSettings({ [name]: 'user:password-1' })).not.toThrow('password-1');
});
