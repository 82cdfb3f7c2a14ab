import { Inject, Injectable } from '@nestjs/common';
import type { CreatedApiKey } from '@cloutagent/contract';
import type { PoolClient } from 'pg';
import { sha256 } from '../common/sha256.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { ProblemError } from '../problems/problem.error.js';
import { seal, unseal } from './sealed-answer.js';

/** A request to make a key that may come again. */
export interface RepeatableRequest {
  /** Id of the caller. */
  principalId: string;
  idempotencyKey: string;
  /** The body in a form that is the same for equivalent bodies. */
  body: string;
  /** The caller's key or token; undefined if it used something else, which may not be secret. */
  credential: string | undefined;
}

interface Row {
  body_hash: Buffer;
  key_id: string;
  sealed_answer: Buffer | null;
}

/**
 * Remembers the answers to requests that made a key with an Idempotency-Key, for KEY_REQUEST_TTL_MS. The database has only
 * hashes and an encrypted answer, so that a copy of it does not contain the secrets of keys.
 */
@Injectable()
export class KeyRequests {
  constructor(
    private readonly database: Database,
    @Inject(Settings) private readonly settings: Pick<Settings, 'KEY_REQUEST_TTL_MS'>,
  ) {}

  /**
   * Finds the answer to an earlier request with the same Idempotency-Key.
   * @throws ProblemError 422 `idempotency_key_reused` if that request had another body
   * @throws ProblemError 409 `secret_not_repeatable` if it had another credential
   */
  async findAnswer(request: RepeatableRequest): Promise<CreatedApiKey | undefined> {
    const { rows } = await this.database.pool.query<Row>(
      `SELECT body_hash, key_id, sealed_answer FROM cloutagent.key_requests
       WHERE principal = $1 AND idempotency_hash = $2 AND expires_at > now()`,
      [request.principalId, sha256(request.idempotencyKey)],
    );
    const row = rows[0];
    if (!row) return undefined;
    if (!row.body_hash.equals(sha256(request.body))) throw new ProblemError('idempotency_key_reused');
    const { credential, idempotencyKey } = request;
    const answer =
      row.sealed_answer && credential !== undefined
        ? unseal(row.sealed_answer, { credential, idempotencyKey })
        : undefined;
    if (answer === undefined)
      throw new ProblemError(
        'secret_not_repeatable',
        `This Idempotency-Key has already made the key ${row.key_id}, and its secret can be shown again only to the credential that made it. Send that credential, or revoke the key and make another one with a new Idempotency-Key.`,
      );
    return JSON.parse(answer) as CreatedApiKey;
  }

  /**
   * Stores an answer, in the transaction that makes the key.
   * @throws a unique violation if another request with the same Idempotency-Key was faster
   */
  async store(client: PoolClient, request: RepeatableRequest, answer: CreatedApiKey): Promise<void> {
    const { principalId, idempotencyKey, credential } = request;
    const hash = sha256(idempotencyKey);
    await client.query(
      'DELETE FROM cloutagent.key_requests WHERE principal = $1 AND idempotency_hash = $2 AND expires_at <= now()',
      [principalId, hash],
    );
    await client.query(
      `INSERT INTO cloutagent.key_requests (principal, idempotency_hash, body_hash, key_id, sealed_answer, expires_at)
       VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))`,
      [
        principalId,
        hash,
        sha256(request.body),
        answer.id,
        credential === undefined ? null : seal(JSON.stringify(answer), { credential, idempotencyKey }),
        this.settings.KEY_REQUEST_TTL_MS / 1000,
      ],
    );
  }
}
