import pg from 'pg';
import { formsOf } from '../../src/config/secret-forms.js';

const entities = (text: string, apostrophe = '&#39;'): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", apostrophe);

/** How a service may write a value that it repeats. */
export const encodings = (value: string): string[] => [
  value,
  encodeURIComponent(value),
  new URLSearchParams({ value }).toString(),
  JSON.stringify({ value }),
  JSON.stringify({ inner: JSON.stringify({ value }) }),
  ...['', 'x', 'xy'].map((before) => Buffer.from(`${before}${value}:pass`).toString('base64')),
  Buffer.from(value).toString('base64url'),
  Buffer.from(value).toString('hex'),
  entities(value),
  entities(value, '&#x27;'),
];

/** Finds the forms of values in texts. */
export function leaksOf(values: readonly string[]): (text: string) => string[] {
  const forms = [...new Set(values.flatMap((value) => formsOf(value).map(({ text }) => text)))];
  return (text) => forms.filter((form) => text.includes(form));
}

/**
 * Finds also the first 8 characters of values and of their forms, so that a value that was cut is found. The values must begin
 * in ways that nothing else does.
 */
export function beginningsOf(values: readonly string[]): (text: string) => string[] {
  const beginnings = values.flatMap((value) => formsOf(value).map(({ text }) => text.slice(0, 8)));
  const unique = [...new Set(beginnings)];
  return (text) => unique.filter((beginning) => text.includes(beginning));
}

/** Reads all rows of all tables of all schemas of a database, also of those that are made later. @returns texts by table */
export async function tablesOf(databaseUrl: string): Promise<Map<string, string>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')`,
    );
    const texts = new Map<string, string>();
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} AS t`);
      // A row as a text doubles quotes and backslashes. Bytes are in hexadecimal digits, as one of the forms is.
      texts.set(
        name,
        rows.map(({ row }) => `${row}\n${row.replaceAll('""', '"').replaceAll('\\\\', '\\')}`).join('\n'),
      );
    }
    return texts;
  } finally {
    await client.end();
  }
}
