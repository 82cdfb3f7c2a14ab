import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { createHmac, randomBytes } from 'node:crypto';
import { v7 } from '../common/uuid.js';
import { Database } from '../database/database.js';
import { Logger } from '../logging/logger.js';
import { ProblemError } from '../problems/problem.error.js';
import { type Sealed, SecretCipher } from '../secrets/secret-cipher.js';

const PREFIX = 'whsec_';
const SECRET_BYTES = 32;

/** A signing secret as the database has it. */
export interface SealedSecret {
  readonly id: string;
  readonly keyId: string;
  /** As base64. */
  readonly sealed: string;
}

/** Makes signing secrets, and decrypts those that the database has. */
@Injectable()
export class SigningSecrets implements OnApplicationBootstrap {
  private readonly logger = new Logger(SigningSecrets.name);

  constructor(
    private readonly database: Database,
    private readonly cipher: SecretCipher,
  ) {}

  /** Warns if stored secrets cannot be decrypted. */
  async onApplicationBootstrap(): Promise<void> {
    const { rows } = await this.database.pool.query<{ key_id: string; count: number }>(
      'SELECT key_id, count(*)::int AS count FROM cloutagent.webhook_secrets WHERE key_id <> ALL ($1) GROUP BY key_id',
      [this.cipher.keyIds],
    );
    for (const { key_id, count } of rows)
      this.logger.warn(
        `${count} signing secrets of webhooks cannot be decrypted, because SECRETS_KEY has no key with the id ${key_id}. Add that key, or rotate the secrets of these webhooks.`,
      );
  }

  /** @throws ProblemError 503 `secrets_unavailable` if this server cannot encrypt */
  assertAvailable(): void {
    if (this.cipher.keyIds.length === 0) throw new ProblemError('secrets_unavailable');
  }

  /**
   * Makes a secret in the form of Standard Webhooks 1.0: `whsec_` and 32 random bytes as base64.
   * @throws ProblemError 503 `secrets_unavailable`
   */
  make(webhookId: string): { text: string; id: string } & Sealed {
    this.assertAvailable();
    const id = v7();
    const text = PREFIX + randomBytes(SECRET_BYTES).toString('base64');
    return { text, id, ...this.cipher.seal(text, [webhookId, id]) };
  }

  /** Decrypts secrets. @throws CipherError if SECRETS_KEY has not the key of one */
  open(webhookId: string, secrets: readonly SealedSecret[]): string[] {
    return secrets.map(({ id, keyId, sealed }) =>
      this.cipher.open({ keyId, sealed: Buffer.from(sealed, 'base64') }, [webhookId, id]),
    );
  }
}

/** Returns the part of a secret that must not be shown. */
export const keyOf = (secret: string): string => secret.slice(PREFIX.length);

/**
 * Makes the value of the header `webhook-signature`: a signature by each secret, separated by spaces.
 * @param timestamp of the header `webhook-timestamp`, in seconds
 */
export function signatures(
  secrets: readonly string[],
  messageId: string,
  timestamp: number,
  body: string,
): string {
  const content = `${messageId}.${timestamp}.${body}`;
  return secrets
    .map((secret) => {
      const key = Buffer.from(keyOf(secret), 'base64');
      return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
    })
    .join(' ');
}
