import fc from 'fast-check';
import { crc32 } from 'node:zlib';
import { crcCombine, crcShift } from './crc-combine.js';

const bytes = fc.uint8Array({ maxLength: 5000 });

describe('crcCombine', () => {
  it('returns the CRC-32 of all bytes in a row', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 8 }), (strings) => {
        const combined = strings.reduce(
          (crc, string) => crcCombine(crc, crc32(string), crcShift(string.length)),
          0,
        );
        expect(combined).toBe(crc32(Buffer.concat(strings)));
      }),
    );
  });

  it('combines a string of 10 MB', () => {
    const long = Buffer.alloc(10_000_019, 'abc');
    const head = Buffer.from('head');
    const combined = crcCombine(crc32(head), crc32(long), crcShift(long.length));
    expect(combined).toBe(crc32(Buffer.concat([head, long])));
  });

  it('gives the same result for a length at once and in two halves, beyond 4 GB too', () => {
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
