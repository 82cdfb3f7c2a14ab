import { z } from 'zod';

/** A key for secrets. */
export interface SecretKey {
  /** Stored beside each value that the key has encrypted. */
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
  /** The key as the setting has it. */
  readonly text: string;
}

const ID = /^[A-Za-z0-9_-]{1,32}$/;
const KEY_BYTES = 32;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
const MAKE_ONE = 'make one with: openssl rand -base64 32';

/** Splits the text of SECRETS_KEY. It assumes that the setting has been checked. */
export const parseSecretKeys = (text: string): SecretKey[] =>
  text.split(',').map((entry) => {
    const [id = '', key = ''] = split(entry.trim());
    return { id, key: Buffer.from(key, 'base64'), text: key };
  });

/**
 * The keys for secrets: `id:key`, or several of these with commas between them. A key is 32 bytes in base64. The first one
 * encrypts, and all decrypt. The messages never show a key.
 */
export const SecretKeysSetting = z.string().superRefine((text, context) => {
  const fail = (message: string) => context.addIssue({ code: 'custom', message });
  const ids = new Set<string>();
  text.split(',').forEach((entry, index) => {
    const [id, key] = split(entry.trim());
    const name = `key ${index + 1}`;
    if (id === undefined || key === undefined)
      return fail(
        `must be id:key, or several of these with commas between them; ${name} has no id. ${MAKE_ONE}`,
      );
    if (!ID.test(id)) return fail(`the id of ${name} must have 1 to 32 letters, digits, _ or -`);
    if (ids.has(id)) fail(`two keys have the id ${id}: give each key another id`);
    ids.add(id);
    if (!BASE64.test(key)) return fail(`the key ${id} is not base64: ${MAKE_ONE}`);
    const { length } = Buffer.from(key, 'base64');
    if (length !== KEY_BYTES)
      fail(`the key ${id} has ${length} bytes and must have ${KEY_BYTES}: ${MAKE_ONE}`);
  });
});

function split(entry: string): [id: string, key: string] | [] {
  const colon = entry.indexOf(':');
  return colon < 0 ? [] : [entry.slice(0, colon), entry.slice(colon + 1)];
}
