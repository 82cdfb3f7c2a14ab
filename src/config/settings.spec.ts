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
