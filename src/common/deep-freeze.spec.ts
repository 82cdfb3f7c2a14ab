import { deepFreeze } from './deep-freeze.js';

describe('deepFreeze', () => {
  it('freezes every part of a value', () => {
    const value = deepFreeze({ list: [{ deep: true }], text: 'x', none: null });
    expect(() => Object.assign(value.list[0]!, { deep: false })).toThrow(TypeError);
    expect(() => value.list.push({ deep: true })).toThrow(TypeError);
    expect(value).toEqual({ list: [{ deep: true }], text: 'x', none: null });
  });

  it('ends at a cycle', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    expect(Object.isFrozen(deepFreeze(cyclic))).toBe(true);
  });
});
