import fc from 'fast-check';
import { copyState } from './copy-state.js';

it('copies plain data, and the copy shares no object with it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const state = { value, missing: undefined };
      const copied = copyState(state, 'f') as typeof state;
      expect(copied).toEqual(state);
      const before = JSON.stringify(state);
      const change = (part: unknown): void => {
        if (typeof part !== 'object' || part === null) return;
        for (const member of Object.values(part)) change(member);
        if (Array.isArray(part)) part.push('changed');
        else Object.assign(part, { changed: true });
      };
      change(copied);
      expect(JSON.stringify(state)).toBe(before);
    }),
  );
});

it('copies a member named __proto__ as a member', () => {
  const state = JSON.parse('{"nodes":{"__proto__":{"a":1}}}') as object;
  expect(JSON.stringify(copyState(state, 'f'))).toBe('{"nodes":{"__proto__":{"a":1}}}');
});

it.each([
  ['Map', { open: { steps: new Map() } }, 'the state of the format f.open.steps is a Map'],
  ['Date', { at: [new Date(0)] }, 'the state of the format f.at[0] is a Date'],
  ['function', { next: () => 1 }, 'the state of the format f.next is a function'],
])('refuses a %s, and names its place', (_what, state, message) => {
  expect(() => copyState(state, 'f')).toThrow(message);
});
