import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROBLEM_CODES } from './problem-codes.js';

const SRC = join(import.meta.dirname, '..');
const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts') && !name.endsWith('problem-codes.ts'))
  .map((name) => readFileSync(join(SRC, name), 'utf8'));
const found = (pattern: RegExp) => sources.flatMap((source) => [...source.matchAll(pattern)]);

it('knows every code that comes with a status, and the status', () => {
  const pairs = found(/\b([45]\d\d),\s*'([a-z_]+)'/g).map(([, status, code]) => [code, Number(status)]);
  expect(pairs.length).toBeGreaterThan(25);
  const known = pairs.map(([code]) => [code, PROBLEM_CODES[code as keyof typeof PROBLEM_CODES]?.[0]]);
  expect(pairs).toEqual(known);
});

it("knows every code of the filter's", () => {
  const filter = sources.find((source) => source.includes('class ProblemFilter'))!;
  const codes = [...filter.matchAll(/(?:\[\s*|code: )'([a-z]+(?:_[a-z]+)+)'/g)].map(([, code = '']) => code);
  expect(codes.length).toBeGreaterThan(8);
  expect(codes.filter((code) => !(code in PROBLEM_CODES))).toEqual([]);
});
