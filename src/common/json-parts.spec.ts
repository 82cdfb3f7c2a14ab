import fc from 'fast-check';
import { hasMoreParts } from './json-parts.js';
import { jsonShape } from './json-shape.js';

describe('hasMoreParts', () => {
  it('counts as the measurement of the text does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const { parts } = jsonShape(Buffer.from(JSON.stringify(value)));
        expect(hasMoreParts(value, parts)).toBe(false);
        if (parts > 0) expect(hasMoreParts(value, parts - 1)).toBe(true);
      }),
    );
  });

  it('takes values that are nested deeply', () => {
    let value: unknown = 1;
    for (let depth = 0; depth < 100_000; depth += 1) value = [value];
    expect(hasMoreParts(value, 100_000)).toBe(false);
    expect(hasMoreParts(value, 99_999)).toBe(true);
  });
});
