import fc from 'fast-check';
import { isWithinEdits, nearestName } from './spelling.js';

/** The same distance by the usual table. */
function editDistance(from: string, to: string): number {
  const table = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= from.length; i++) {
    table[i] = [i];
    for (let j = 1; j <= to.length; j++) {
      const [left, above, before] = [table[i]![j - 1]!, table[i - 1]![j]!, table[i - 1]![j - 1]!];
      const isExchange = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      table[i]![j] = Math.min(
        left + 1,
        above + 1,
        before + (from[i - 1] === to[j - 1] ? 0 : 1),
        isExchange ? table[i - 2]![j - 2]! + 1 : Infinity,
      );
    }
  }
  return table[from.length]![to.length]!;
}

it.each([
  ['', '', 0],
  ['when', 'when', 0],
  ['wehn', 'when', 1],
  ['whn', 'when', 1],
  ['whenn', 'when', 1],
  ['wten', 'when', 1],
  ['stauts', 'status', 1],
  ['ab', 'ba', 1],
  ['kitten', 'sitting', 3],
  ['', 'abc', 3],
])('isWithinEdits turns %j into %j with %d edits and no fewer', (from, to, distance) => {
  expect(isWithinEdits(distance, from, to)).toBe(true);
  expect(isWithinEdits(distance - 1, from, to)).toBe(false);
});

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 9 });

it('isWithinEdits agrees with the edit distance', () => {
  fc.assert(
    fc.property(word, word, fc.nat(4), (a, b, edits) => {
      expect(isWithinEdits(edits, a, b)).toBe(editDistance(a, b) <= edits);
    }),
    { numRuns: 2_000 },
  );
});

it.each([
  ['maxTokenss', ['maxTokens', 'maxCostUSD'], 'maxTokens'],
  ['stauts', ['projectId', 'status', 'tag'], 'status'],
  ['project_id', ['projectId', 'input'], 'projectId'],
  ['tags', ['tag', 'status'], 'tag'],
  ['Limits', ['limit', 'limits'], 'limits'],
  ['colour', ['status', 'tag'], undefined],
  ['x', [], undefined],
])('nearestName of %j among %j is %j', (name, known, nearest) => {
  expect(nearestName(name, known)).toBe(nearest);
});

it('nearestName compares no name that is far too long', () => {
  expect(nearestName('x'.repeat(1_000_000), ['xxxx', 'x'.repeat(999_990)])).toBeUndefined();
});
