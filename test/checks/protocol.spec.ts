import { EVENT_FIELDS, EVENT_TYPES } from '@cloutagent/contract';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

describe('the event types of docs/protocol.md', () => {
  it.each(EVENT_TYPES)('have all fields: %s', async (type) => {
    const page = await readFile(join(import.meta.dirname, '../../docs/protocol.md'), 'utf8');
    const row = page.split('\n').find((line) => line.startsWith(`| \`${type}\` `));
    const { shape } = EVENT_FIELDS[type];
    for (const [name, schema] of Object.entries(shape)) {
      const isOptional = schema.safeParse(undefined).success;
      expect(row).toMatch(new RegExp(`\\b${name}${isOptional ? '\\?' : '\\b(?!\\?)'}`));
    }
  });
});
