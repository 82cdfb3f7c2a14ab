import fc from 'fast-check';
import { pieces } from './model-call.js';

it('cuts long text without losing or splitting a character', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 50 }),
      fc.integer({ min: 0, max: 2_000 }),
      (text, times) => {
        const whole = text.repeat(times);
        const parts = [...pieces(whole)];
        expect(parts.join('')).toBe(whole);
        for (const part of parts) {
          expect(part.length).toBeGreaterThan(0);
          expect(part.length).toBeLessThanOrEqual(16_384);
          expect(part.isWellFormed()).toBe(true);
        }
      },
    ),
    { numRuns: 50 },
  );
});
