import { Inject, Injectable } from '@nestjs/common';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { parseSecretKeys, type SecretKey } from '../config/secret-keys-setting.js';
import { Settings } from '../config/settings.js';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** An encrypted text. */
export interface Sealed {
  /** The id of the key that has encrypted it. */
  readonly keyId: string;
  /** Nonce, encrypted text and tag. */
  readonly sealed: Buffer;
}

/** A text cannot be encrypted or decrypted. The message says why, and never contains the text. */
export class CipherError extends Error {
  override readonly name = 'CipherError';
}

/**
 * Encrypts texts by the first key of SECRETS_KEY, with AES-256-GCM, and decrypts them by the key with the stored id. Each
 * text has a random nonce. The context of a text, such as its project and its name, is authenticated with it, so that a
 * value which is moved to another row cannot be decrypted there.
 */
@Injectable()
export class SecretCipher {
  private readonly keys: ReadonlyMap<string, Buffer>;
  private readonly first: SecretKey | undefined;

  constructor(@Inject(Settings) { SECRETS_KEY }: Pick<Settings, 'SECRETS_KEY'>) {
    const keys = SECRETS_KEY === undefined ? [] : parseSecretKeys(SECRETS_KEY);
    this.keys = new Map(keys.map(({ id, key }) => [id, key]));
    this.first = keys[0];
  }

  /** The ids of the keys, the one that encrypts first; empty without SECRETS_KEY. */
  get keyIds(): string[] {
    return [...this.keys.keys()];
  }

  /**
   * Encrypts a text.
   * @param context the same texts are needed to decrypt it
   * @throws CipherError without SECRETS_KEY
   */
  seal(text: string, context: readonly string[]): Sealed {
    if (!this.first) throw new CipherError('this server has no SECRETS_KEY');
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.first.key, nonce).setAAD(aadOf(context));
    const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return { keyId: this.first.id, sealed: Buffer.concat([nonce, encrypted, cipher.getAuthTag()]) };
  }

  /** @throws CipherError if the key is not in SECRETS_KEY, or if the bytes or the context are not those that were sealed */
  open({ keyId, sealed }: Sealed, context: readonly string[]): string {
    const key = this.keys.get(keyId);
    if (!key) throw new CipherError(`SECRETS_KEY has no key with the id ${keyId}`);
    if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new CipherError('the encrypted value is too short');
    const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(aadOf(context))
      .setAuthTag(sealed.subarray(-TAG_BYTES));
    try {
      return (
        decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
      );
    } catch {
      throw new CipherError(
        `the key ${keyId} of SECRETS_KEY does not decrypt the value: it is another key, or the row was changed`,
      );
    }
  }
}

/** JSON, so that no two contexts give the same bytes. */
const aadOf = (context: readonly string[]): Buffer => Buffer.from(JSON.stringify(context));
