/** The polynomial of CRC-32 with its bits reversed (RFC 1952, section 8). */
const POLYNOMIAL = 0xedb88320;
const ONE = 0x80000000;

/** Multiplies two polynomials modulo the polynomial of CRC-32. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= b;
    b = (b & 1) === 0 ? b >>> 1 : (b >>> 1) ^ POLYNOMIAL;
  }
  return product >>> 0;
}

/** x to the power of 8, 16, 32 … */
const POWERS: readonly number[] = (() => {
  const powers = [0x00800000];
  while (powers.length < 53) powers.push(multiply(powers.at(-1)!, powers.at(-1)!));
  return powers;
})();

/**
 * Computes the factor by which `bytes` further bytes multiply a CRC-32. It depends on their number alone, so it is computed
 * once for bytes that are combined with many checksums.
 */
export function crcShift(bytes: number): number {
  let shift = ONE;
  for (let remaining = bytes, power = 0; remaining > 0; remaining = Math.floor(remaining / 2), power += 1)
    if (remaining % 2 === 1) shift = multiply(POWERS[power]!, shift);
  return shift;
}

/** Computes the CRC-32 of two consecutive byte strings from the CRC-32 of each and the `crcShift` of the second one. */
export const crcCombine = (first: number, second: number, shiftOfSecond: number): number =>
  (multiply(shiftOfSecond, first) ^ second) >>> 0;
