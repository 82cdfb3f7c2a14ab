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
const describeDefault = (value: unknown): string =>
  typeof value === 'object' ? JSON.stringify(value) : String(value as string | undefined);
