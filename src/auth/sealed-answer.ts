import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const [SALT_BYTES, NONCE_BYTES, TAG_BYTES] = [16, 12, 16];

/** What the caller sends, and the database does not have. */
export interface CallerSecret {
  /** The text of the key or token. */
  credential: string;
  idempotencyKey: string;
}

/**
 * Encrypts a text so that only a caller with the same secret can read it again. The key is derived from the secret with
 * HKDF-SHA256 (RFC 5869) and a random salt. That is enough because a credential that can be sealed with has many random bits.
 * @returns salt, nonce, tag and ciphertext
 */
export function seal(text: string, secret: CallerSecret): Buffer {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, deriveKey(secret, salt), nonce);
  const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([salt, nonce, cipher.getAuthTag(), encrypted]);
}

/** Decrypts what `seal` made. Returns undefined if the secret is another one. */
export function unseal(sealed: Buffer, secret: CallerSecret): string | undefined {
  const nonceAt = SALT_BYTES;
  const tagAt = nonceAt + NONCE_BYTES;
  const textAt = tagAt + TAG_BYTES;
  const key = deriveKey(secret, sealed.subarray(0, nonceAt));
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(nonceAt, tagAt), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(sealed.subarray(tagAt, textAt));
  const text = decipher.update(sealed.subarray(textAt));
  try {
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch {
    // The tag does not fit: another key encrypted the text.
    return undefined;
  }
}

/** The two parts as JSON, so that no other pair of texts gives the same bytes. */
const deriveKey = ({ credential, idempotencyKey }: CallerSecret, salt: Buffer): Buffer =>
  Buffer.from(
    hkdfSync('sha256', JSON.stringify([credential, idempotencyKey]), salt, 'cloutagent key request', 32),
  );
