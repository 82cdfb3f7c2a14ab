import { lineAndColumn, readJson } from './json-source.js';

const read = (text: string) => {
  const source = readJson(text);
  if (!source.ok) throw new Error(source.message);
  return source;
};

it.each([
  '{"a":[1,-2.5e3,true,false,null,"x\\u00e9\\n"],"b":{}}',
  ' [ ] ',
  '"text"',
  '0',
  '{"__proto__":{"polluted":true},"a":1,"a":2}',
])('readJson reads %s like JSON.parse', (text) => {
  expect(JSON.stringify(read(text).value)).toBe(JSON.stringify(JSON.parse(text)));
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

it('readJson returns the position of each value', () => {
  const text = '{ "workflow": { "nodes": [ {"id": "a"}, {"id": ""} ] } }';
  const { rangeOf } = read(text);
  const at = (path: string) => text.slice(rangeOf(path).start, rangeOf(path).end);
  expect(at('workflow.nodes.1.id')).toBe('""');
  expect(at('workflow.nodes.0')).toBe('{"id": "a"}');
  // A missing value has the position of the enclosing value.
  expect(at('workflow.nodes.1.data.config.prompt')).toBe('{"id": ""}');
  expect(at('projectId')).toBe(text);
});

it.each([
  ['', 0, 'ends too early'],
  ['{"a":1', 6, 'ends too early'],
  ['{"a" 1}', 5, 'colon'],
  ['{a:1}', 1, 'double quotes'],
  ['[1 2]', 3, 'comma or ]'],
  ['[1,]', 3, 'comma is not allowed before'],
  ['["a\nb"]', 1, 'does not end'],
  ['{} x', 3, 'after the JSON value'],
  ['[01]', 2, 'comma'],
  ['[tru]', 1, 'value is missing'],
  ['['.repeat(501), 500, 'too deeply'],
])('readJson reports the position of the error in %j', (text, at, message) => {
  expect(readJson(text)).toEqual({ ok: false, at, message: expect.stringContaining(message) as string });
  expect(() => JSON.parse(text) as unknown).toThrow();
});

it('lineAndColumn counts from 1', () => {
  expect(lineAndColumn('ab\ncd', 4)).toEqual({ line: 2, column: 2 });
  expect(lineAndColumn('', 0)).toEqual({ line: 1, column: 1 });
});
