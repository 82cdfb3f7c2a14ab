import { FAILURE_CODES } from '@cloutagent/contract';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Codes of problems, one of Zod's, and those of examples in docstrings. */
const OTHER_CODES = new Set([
  'expression_too_complex',
  'not_available',
  'price_unknown',
  'custom',
  'not_paid',
  'crm_refused',
]);

const ENGINE = import.meta.dirname;
const sources = readdirSync(ENGINE, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
  .map((name) => readFileSync(join(ENGINE, name), 'utf8'));
const codesIn = (pattern: RegExp): string[] => [
  ...new Set(sources.flatMap((source) => [...source.matchAll(pattern)].map(([, code]) => code!))),
];

it('FAILURE_CODES marks exactly the codes of transient errors as retried', () => {
  const thrown = codesIn(/\b(?:TransientError|transient)\(\s*'([a-z_]+)'/g).toSorted();
  const retried = Object.entries(FAILURE_CODES).filter(([, { retried: isRetried }]) => isRetried);
  expect(thrown).toEqual(retried.map(([code]) => code).toSorted());
});

it('FAILURE_CODES has every code that the engine uses, and no other', () => {
  const used = [
    ...codesIn(/\b(?:NodeError|TransientError|permanent|transient)\(\s*'([a-z_]+)'/g),
    ...codesIn(/\bcode(?::| =) '([a-z_]+)'/g),
    ...codesIn(/\? '(http_[a-z]+)' : code/g),
  ].filter((code) => !OTHER_CODES.has(code));
  expect([...new Set(used)].toSorted()).toEqual(Object.keys(FAILURE_CODES).toSorted());
});

it('FAILURE_CODES names only settings that exist', () => {
  const settings = readFileSync(join(ENGINE, '../config/settings.ts'), 'utf8');
  const texts = Object.values(FAILURE_CODES).map(({ text }) => text);
  const named = texts.flatMap((text) => text.match(/\b[A-Z]+(?:_[A-Z]+)+\b/g) ?? []);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !settings.includes(`${name}:`))).toEqual([]);
});
