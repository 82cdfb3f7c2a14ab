import { nearestWord } from './nearest-word.js';

describe('nearestWord', () => {
  const known = ['executions:read', 'executions:write', 'reports:read'];

  it.each([
    ['reports.read', 'reports:read'],
    ['Report:Read', 'reports:read'],
    ['execution:wirte', 'executions:write'],
    ['reports:read', 'reports:read'],
  ])('suggests for %s the word %s', (word, nearest) => expect(nearestWord(word, known)).toBe(nearest));

  it.each(['', 'all', 'a long text that is like nothing'])('suggests nothing for "%s"', (word) =>
    expect(nearestWord(word, known)).toBeUndefined(),
  );
});
