import fc from 'fast-check';
import { preferredWait } from './prefer-header.js';

describe('preferredWait', () => {
  it.each([
    ['wait=30', 30],
    ['wait=0', 0],
    ['WAIT = 30', 30],
    ['wait="30"', 30],
    ['respond-async, wait=10', 10],
    ['respond-async,wait=10,handling=lenient', 10],
    ['wait=10; foo="a, wait=99"', 10],
    ['note="a, wait=99", wait=5', 5],
    [String.raw`note="\", wait=99", wait=5`, 5],
    ['wait=10, wait=20', 10],
  ])('reads %j', (header, seconds) => expect(preferredWait(header)).toBe(seconds));

  it.each([
    undefined,
    '',
    'respond-async',
    'wait',
    'wait=',
    'wait=-1',
    'wait=1.5',
    'wait=1e3',
    'wait=soon',
    'wait=30s',
    'wait=99999999999',
    'waiting=30',
    'x-wait=30',
    'wait=soon, wait=20',
    'wait="30',
    'note="wait=30"',
  ])('ignores %j', (header) => expect(preferredWait(header)).toBeUndefined());

  it('reads any header without an error', () => {
    const unit = fc.constantFrom('w', 'a', 'i', 't', 'wait=', ';', ',', '"', '\\', ' ', '1', '9');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 16_000 }), (header) => {
        expect(preferredWait(header) ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
    expect(preferredWait('"\\'.repeat(8_000))).toBeUndefined();
  });
});
