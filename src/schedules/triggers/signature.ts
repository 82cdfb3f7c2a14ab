import { createHmac, timingSafeEqual } from 'node:crypto';
import { sha256 } from '../../common/sha256.js';
import type { SignatureTime } from './sender.js';

/** Returns the HMAC-SHA256 of the parts, one after the other. */
export function hmac(key: string | Buffer, ...parts: readonly (string | Buffer)[]): Buffer {
  const hash = createHmac('sha256', key);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Compares secrets in a time that does not depend on where they differ, nor on their lengths. */
export const isSame = (one: string | Buffer, other: string | Buffer): boolean =>
  timingSafeEqual(sha256(one), sha256(other));

/** Whether a time in seconds since the epoch is within the tolerance, before or after now. */
export const isRecent = (seconds: string | undefined, { now, toleranceMs }: SignatureTime): boolean =>
  seconds !== undefined &&
  /^\d{1,12}$/.test(seconds) &&
  Math.abs(now - Number(seconds) * 1_000) <= toleranceMs;

/** Returns a header that a request has once. */
export const single = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;
