import { Inject, Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { NotFoundError } from '../problems/problem.error.js';
import { ApiKeysService } from './api-keys.service.js';
import { InvalidTicketError } from './auth.errors.js';
import { keyIdOf, type Principal } from './principal.js';
import { sha256 } from './sha256.js';

const TICKET = /^[A-Za-z0-9_-]{43}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const FOREIGN_KEY_VIOLATION = '23503';

/** One-time tickets that open one execution's stream: EventSource can send no header. */
@Injectable()
export class TicketsService {
  private purgedAt = 0;

  constructor(
    private readonly database: Database,
    private readonly keys: ApiKeysService,
    @Inject(Settings) private readonly settings: Pick<Settings, 'TICKET_TTL_MS'>,
  ) {}

  /**
   * A ticket in the caller's name, who must own the execution: that was checked before.
   * @throws NotFoundError when the execution has just gone
   */
  async issue(principal: Principal, executionId: string): Promise<{ ticket: string; expiresAt: string }> {
    await this.purge();
    const ticket = randomBytes(32).toString('base64url');
    const expires = new Date(Date.now() + this.settings.TICKET_TTL_MS);
    await this.database.kysely
      .insertInto('stream_tickets')
      .values({
        hash: sha256(ticket),
        execution_id: executionId,
        principal: JSON.stringify(principal),
        expires_at: expires,
      })
      .execute()
      .catch((error: { code?: string }) => {
        throw error.code === FOREIGN_KEY_VIOLATION ? new NotFoundError() : error;
      });
    return { ticket, expiresAt: expires.toISOString() };
  }

  /**
   * Uses a ticket up. One offered for another execution is refused and stays good for its own.
   * @throws InvalidTicketError
   */
  async redeem(ticket: string, executionId: string): Promise<Principal> {
    if (!TICKET.test(ticket) || !UUID.test(executionId)) throw new InvalidTicketError();
    const row = await this.database.kysely
      .deleteFrom('stream_tickets')
      .where('hash', '=', sha256(ticket))
      .where('execution_id', '=', executionId)
      .where('expires_at', '>', new Date())
      .returning('principal')
      .executeTakeFirst();
    if (!row) throw new InvalidTicketError();
    const principal = row.principal as Principal;
    const keyId = keyIdOf(principal);
    const expired = principal.expiresAt !== null && principal.expiresAt <= Date.now();
    if (expired || (keyId !== undefined && (await this.keys.revokedAmong([keyId])).length > 0))
      throw new InvalidTicketError();
    return principal;
  }

  private async purge(): Promise<void> {
    if (Date.now() - this.purgedAt < 60_000) return;
    this.purgedAt = Date.now();
    await this.database.kysely.deleteFrom('stream_tickets').where('expires_at', '<', new Date()).execute();
  }
}
