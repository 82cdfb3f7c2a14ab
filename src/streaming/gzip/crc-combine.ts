/** The polynomial of CRC-32, bits reversed (RFC 1952, section 8). */
const POLYNOMIAL = 0xedb88320;
const ONE = 0x80000000;

/** The product of two polynomials modulo that of CRC-32. */
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
 * What a CRC-32 has to be multiplied with when `bytes` more bytes follow: a number that depends on their length alone, so
 * that it is computed once for all that `crcCombine` it.
 */
export function crcShift(bytes: number): number {
  let shift = ONE;
  for (let rest = bytes, power = 0; rest > 0; rest = Math.floor(rest / 2), power += 1)
    if (rest % 2 === 1) shift = multiply(POWERS[power]!, shift);
  return shift;
}

/** The CRC-32 of two byte strings in a row, from that of each and the shift of the second one. */
export const crcCombine = (first: number, second: number, shiftOfSecond: number): number =>
  (multiply(shiftOfSecond, first) ^ second) >>> 0;
