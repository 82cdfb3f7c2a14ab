import fc from 'fast-check';
import { crc32 } from 'node:zlib';
import { crcCombine, crcShift } from './crc-combine.js';

const bytes = fc.uint8Array({ maxLength: 5000 });

describe('the combined CRC-32', () => {
  it('is that of all bytes in a row', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 8 }), (parts) => {
        const combined = parts.reduce((crc, part) => crcCombine(crc, crc32(part), crcShift(part.length)), 0);
        expect(combined).toBe(crc32(Buffer.concat(parts)));
      }),
    );
  });

  it('knows how far long strings shift', () => {
    const long = Buffer.alloc(10_000_019, 'abc');
    const head = Buffer.from('head');
    const combined = crcCombine(crc32(head), crc32(long), crcShift(long.length));
    expect(combined).toBe(crc32(Buffer.concat([head, long])));
  });

  it('shifts by lengths as they add up, past 4 GB too', () => {
    fc.assert(
      fc.property(fc.nat(), fc.maxSafeInteger().map(Math.abs), (crc, length) => {
        const half = Math.floor(length / 2);
        const once = crcCombine(crc, 0, crcShift(length));
        const twice = crcCombine(crcCombine(crc, 0, crcShift(half)), 0, crcShift(length - half));
        expect(twice).toBe(once);
      }),
    );
  });
});
