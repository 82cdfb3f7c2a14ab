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
])('reads %s as JSON.parse does', (text) => {
  expect(JSON.stringify(read(text).value)).toBe(JSON.stringify(JSON.parse(text)));
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

it('knows where each value stands', () => {
  const text = '{ "workflow": { "nodes": [ {"id": "a"}, {"id": ""} ] } }';
  const { rangeOf } = read(text);
  const at = (path: string) => text.slice(rangeOf(path).start, rangeOf(path).end);
  expect(at('workflow.nodes.1.id')).toBe('""');
  expect(at('workflow.nodes.0')).toBe('{"id": "a"}');
  // What is missing has the place of what is around it.
  expect(at('workflow.nodes.1.data.config.prompt')).toBe('{"id": ""}');
  expect(at('projectId')).toBe(text);
});

it.each([
  ['', 0, 'ends too early'],
  ['{"a":1', 6, 'ends too early'],
  ['{"a" 1}', 5, 'colon'],
  ['{a:1}', 1, 'double quotes'],
  ['[1 2]', 3, 'comma or ]'],
  ['[1,]', 3, 'no comma before the end'],
  ['["a\nb"]', 1, 'does not end'],
  ['{} x', 3, 'after the end'],
  ['[01]', 2, 'comma'],
  ['[tru]', 1, 'value is missing'],
  ['['.repeat(501), 500, 'too deep'],
])('says where %j goes wrong', (text, at, message) => {
  expect(readJson(text)).toEqual({ ok: false, at, message: expect.stringContaining(message) as string });
  expect(() => JSON.parse(text) as unknown).toThrow();
});

it('counts lines and columns from 1', () => {
  expect(lineAndColumn('ab\ncd', 4)).toEqual({ line: 2, column: 2 });
  expect(lineAndColumn('', 0)).toEqual({ line: 1, column: 1 });
});
