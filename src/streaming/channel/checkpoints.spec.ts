import fc from 'fast-check';
import type { FrameEncoder } from '../frames/frame-encoder.js';
import { Checkpoints } from './checkpoints.js';

const encoder = (position: number): FrameEncoder & { position: number } => ({
  position,
  encode: () => '',
  fork: () => encoder(position),
  isIdle: false,
});

it('Checkpoints gives the encoder of a position at or before the wanted one, and a bounded number of them are kept', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 300 }),
      fc.integer({ min: 0, max: 100_000 }),
      (added, wanted) => {
        const checkpoints = new Checkpoints(encoder(0));
        for (const position of added) {
          checkpoints.add(position, encoder(position));
          // A stream that reads on finds its own place again.
          expect(checkpoints.before(position).position).toBe(position);
        }
        const found = checkpoints.before(wanted);
        expect(found.position).toBeLessThanOrEqual(wanted);
        expect((found.encoder as ReturnType<typeof encoder>).position).toBe(found.position);
        const kept = new Set(added.map((position) => checkpoints.before(position).position));
        expect(kept.size).toBeLessThanOrEqual(32 + 8 + 1);
      },
    ),
  );
});

it('Checkpoints of a journal that was read in order are spread over it', () => {
  const checkpoints = new Checkpoints(encoder(0));
  for (let position = 1_000; position <= 200_000; position += 1_000)
    checkpoints.add(position, encoder(position));
  for (let wanted = 0; wanted <= 200_000; wanted += 777)
    expect(wanted - checkpoints.before(wanted).position).toBeLessThan(16_000);
});
