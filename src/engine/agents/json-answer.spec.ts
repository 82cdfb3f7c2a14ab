import { findJsonObject } from './json-answer.js';

const LIMITS = { OUTPUT_MAX_DEPTH: 5, OUTPUT_MAX_PARTS: 20 };
const find = (text: string) => findJsonObject(text, LIMITS);

it.each([
  ['plain', '{"a":1}'],
  ['with spaces around it', '\n  {"a":1}\n'],
  ['in a fence', '```json\n{"a":1}\n```'],
  ['in a fence without a language', 'Here:\n```\n{"a":1}\n```\nDone.'],
  ['in a fence on one line', '```json {"a":1}```'],
  ['in the second fence', '```js\nlet x;\n```\n```json\n{"a":1}\n```'],
  ['with text around it', 'Sure! The answer is {"a":1}. Anything else?'],
  ['after braces of a text', 'For {name} I found: {"a":1}'],
  ['after a list', 'As in [1] and [{"b":2}]: {"a":1}'],
])('finds an object %s', (_where, text) => {
  expect(find(text)).toEqual({ object: { a: 1 } });
});

it('is not confused by braces and fences in strings', () => {
  const object = { a: '} "{ ``` {"b":2}', b: 'ä\\' };
  expect(find(`So: ${JSON.stringify(object)} (see {above})`)).toEqual({ object });
});

it.each([
  ['', 'The answer is empty.'],
  ['I do not know.', /^The answer is not JSON: /],
  ['[{"a":1}', /^The answer is not JSON: /],
  ['{"list":[{"a":1},{"a":', /^The answer is not JSON: /],
  ['Here: {"list":[{"a":1},{"a":', /^The answer is not JSON: /],
  ['[{"a":1},{"a":2}]', 'The answer is a list, but it must be an object.'],
  ['```json\n[{"a":1}]\n```', 'The answer is a list, but it must be an object.'],
  ['[1]', 'The answer is a list, but it must be an object.'],
  ['"a"', 'The answer is not an object, but it must be an object.'],
  ['null', 'The answer is not an object, but it must be an object.'],
  ['{"a":1', /^The answer is not JSON: /],
  ['{"a":{"a":{"a":{"a":{"a":{}}}}}}', 'The answer is nested more than 5 levels deep (OUTPUT_MAX_DEPTH).'],
  [
    `{"a":[${'{},'.repeat(30)}{}]}`,
    'The answer has more than 20 lists, objects and members (OUTPUT_MAX_PARTS).',
  ],
])('names the problem of %j', (text, problem) => {
  expect(find(text)).toEqual({
    problem: typeof problem === 'string' ? problem : expect.stringMatching(problem),
  });
});

it('keeps a member of the name __proto__ as a member', () => {
  const found = find('{"__proto__":{"polluted":true},"constructor":1}');
  expect('object' in found && Object.keys(found.object)).toEqual(['__proto__', 'constructor']);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

it('keeps the digits of integers that a number cannot hold', () => {
  expect(find('{"a":9007199254740993}')).toEqual({ object: { a: '9007199254740993' } });
});

it.each([
  ['opening braces', '{'.repeat(1_000_000)],
  ['fences', '```{'.repeat(250_000)],
  ['quotes', '{"'.repeat(500_000)],
  ['pairs of braces', '{}x'.repeat(333_333).replaceAll('{}', '{x}')],
  ['backslashes', `{"${'\\'.repeat(1_000_000)}`],
])('needs little time for a million characters of %s', (_what, text) => {
  // Work that grows with the square of the size would take many minutes.
  const started = performance.now();
  expect(find(text)).toEqual({ problem: expect.any(String) });
  expect(performance.now() - started).toBeLessThan(20_000);
});
