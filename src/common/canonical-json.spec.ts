import fc from 'fast-check';
import { canonicalJson } from './canonical-json.js';

describe('canonicalJson', () => {
  it('does not depend on the order of members, at any depth', () => {
    const one = { a: 1, b: [{ c: 2, d: 3 }] };
    const other = { b: [{ d: 3, c: 2 }], a: 1 };
    expect(canonicalJson(one)).toBe(canonicalJson(other));
  });

  it('tells lists in another order, and other values, apart', () => {
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
    expect(canonicalJson({ a: null })).not.toBe(canonicalJson({}));
    expect(canonicalJson(JSON.parse('{"__proto__":1}'))).not.toBe(canonicalJson({}));
  });

  it('keeps every JSON value', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(JSON.parse(canonicalJson(JSON.parse(text)))).toEqual(JSON.parse(text));
      }),
    );
  });
});
