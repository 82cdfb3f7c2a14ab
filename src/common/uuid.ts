import { randomBytes } from 'node:crypto';

/** The time and the counter of the newest UUID. */
const newest = { ms: 0, counter: 0 };
/** The counter has 12 bits. */
const MAX_COUNTER = 0xfff;

/**
 * Makes a UUID of version 7 (RFC 9562, section 5.7). These are ordered by time, so that indexes grow at one end. Those of one
 * process are in the order in which they were made, also within a millisecond (section 6.2, method 1).
 */
export function v7(now = Date.now()): string {
  if (now > newest.ms) Object.assign(newest, { ms: now, counter: 0 });
  else if (newest.counter < MAX_COUNTER) newest.counter += 1;
  else Object.assign(newest, { ms: newest.ms + 1, counter: 0 });
  const bytes = randomBytes(16);
  bytes.writeUIntBE(newest.ms, 0, 6);
  bytes.writeUInt16BE(0x7000 | newest.counter, 6);
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The id before all others. */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** Whether a text is a UUID that PostgreSQL accepts. Any other text as a value for a uuid column makes the query fail. */
export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
