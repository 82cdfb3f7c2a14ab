import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { separateFiles } from './files.js';
import type { Json } from './json.js';

const data = Buffer.alloc(12_345, 7).toString('base64');

describe('separateFiles', () => {
  it('replaces the image of an MCP result, and keeps the other parts', () => {
    const content = [
      { type: 'text', text: 'A chart.' },
      { type: 'image', data, mimeType: 'image/png' },
    ];
    expect(separateFiles({ content, isError: false })).toEqual({
      value: {
        content: [
          { type: 'text', text: 'A chart.' },
          { type: 'image', data: '12 KB of image/png', mimeType: 'image/png' },
        ],
        isError: false,
      },
      files: [{ mediaType: 'image/png', bytes: 12_345, base64: data }],
    });
  });

  it.each<[string, Json, string[]]>([
    [
      'the blob of a resource',
      { resource: { uri: 'a:b', mimeType: 'audio/wav', blob: data } },
      ['audio/wav'],
    ],
    ['a part of the AI SDK', [{ type: 'file', data, mediaType: 'application/pdf' }], ['application/pdf']],
    ['a data URL', { page: `data:image/webp;base64,${data}` }, ['image/webp']],
    ['a data URL with parameters', `data:image/gif;name=a.gif;base64,${data}`, ['image/gif']],
    [
      'several files',
      [
        { mimeType: 'a/a', data },
        { mimeType: 'b/b', data },
      ],
      ['a/a', 'b/b'],
    ],
    ['a media type of a million characters', { mimeType: 'x'.repeat(1e6), data }, ['x'.repeat(100)]],
  ])('finds %s', (_what, value, types) => {
    const { value: shown, files } = separateFiles(value);
    expect(files.map(({ mediaType }) => mediaType)).toEqual(types);
    expect(JSON.stringify(shown)).not.toContain(data);
  });

  it.each<[string, Json]>([
    ['text in a member called data', { mimeType: 'text/plain', data: 'not base64, '.repeat(50) }],
    ['short data', { mimeType: 'image/png', data: 'aGk=' }],
    ['data without a media type', { data }],
    ['a media type that is no text', { mimeType: 1, data }],
    ['padding in the middle', { mimeType: 'image/png', data: `${'A'.repeat(100)}=${'A'.repeat(99)}` }],
    ['a data URL that is not base64', `data:image/svg+xml,${'<svg/>'.repeat(50)}`],
    [
      'an inherited media type',
      JSON.parse(`{"__proto__":{"mimeType":"image/png"},"data":"${data}"}`) as Json,
    ],
  ])('leaves %s', (_what, value) => {
    const separated = separateFiles(value);
    expect(separated.value).toBe(value);
    expect(separated.files).toEqual([]);
  });

  it('returns the same JSON for a value without files', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => separateFiles(value as Json).value === value));
  });

  it('reads millions of characters without a backtracking expression', () => {
    const long = 'A'.repeat(8_000_000);
    expect(separateFiles({ mimeType: 'image/png', data: long }).files).toHaveLength(1);
    expect(separateFiles({ mimeType: 'image/png', data: `${long}!` }).files).toEqual([]);
    expect(separateFiles(`data:${';'.repeat(1_000_000)}`).files).toEqual([]);
  });
});
