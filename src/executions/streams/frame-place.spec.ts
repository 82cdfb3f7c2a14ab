import { parseFramePlace } from './frame-place.js';

it.each([
  [undefined, { sequence: 0, part: 0 }],
  ['', { sequence: 0, part: 0 }],
  ['0', { sequence: 0, part: 0 }],
  ['12', { sequence: 13, part: 0 }],
  ['12.1', { sequence: 12, part: 1 }],
  ['2147483647.999999', { sequence: 2_147_483_647, part: 999_999 }],
])('the id %j is the place %j', (id, place) => expect(parseFramePlace(id)).toEqual(place));

it.each([
  'x',
  '.',
  '.1',
  '1.',
  '1.0',
  '1.01',
  '1.1.1',
  '-1',
  '1e3',
  ' 1',
  '99999999999',
  '2147483648.1',
  '1.9999999',
])('refuses the id %j', (id) => expect(() => parseFramePlace(id)).toThrow('Last-Event-ID'));
