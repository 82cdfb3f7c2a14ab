import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { randomBytes } from 'node:crypto';
import { sha256 } from '../common/sha256.js';
import { isUuid } from '../common/uuid.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { NotFoundError } from '../problems/problem.error.js';
import { InvalidTicketError } from './auth.errors.js';
import { PrincipalValidity } from './principal-validity.js';
import type { Principal } from './principal.js';

const TICKET = /^[A-Za-z0-9_-]{43}$/;
const FOREIGN_KEY_VIOLATION = '23503';
const PURGE_INTERVAL_MS = 60_000;
/** The database's clock, because one process issues a ticket and another may redeem it. */
const NOW = sql<Date>`clock_timestamp()`;
const after = (ms: number) => sql<Date>`clock_timestamp() + make_interval(secs => ${ms / 1000})`;

/** The stream that a ticket opens: the stream of one execution, or the multi-execution stream with this `filterKey`. */
export type TicketTarget = { executionId: string } | { filter: string };

/** Issues and redeems tickets. A ticket opens one stream from one address, because EventSource cannot send a header. */
@Injectable()
export class TicketsService {
  private purgedAt = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly validity: PrincipalValidity,
    @Inject(Settings) private readonly settings: Pick<Settings, 'TICKET_TTL_MS' | 'TICKET_RESUME_TTL_MS'>,
  ) {}

  /**
   * Issues a ticket on behalf of the caller. The caller's access to the target must have been checked before.
   * @throws NotFoundError when the execution has just been deleted
   */
  async issue(principal: Principal, target: TicketTarget): Promise<{ ticket: string; expiresAt: string }> {
    if ('executionId' in target && !isUuid(target.executionId)) throw new NotFoundError();
    await this.purge();
    const ticket = randomBytes(32).toString('base64url');
    const { expires_at: expires } = await this.database.kysely
      .insertInto('stream_tickets')
      .values({
        hash: sha256(ticket),
        execution_id: 'executionId' in target ? target.executionId : null,
        filter: 'filter' in target ? target.filter : null,
        principal: JSON.stringify(principal),
        expires_at: after(this.settings.TICKET_TTL_MS),
      })
      .returning('expires_at')
      .executeTakeFirstOrThrow()
      .catch((error: { code?: string }) => {
        throw error.code === FOREIGN_KEY_VIOLATION ? new NotFoundError() : error;
      });
    return { ticket, expiresAt: expires.toISOString() };
  }

  /**
   * Redeems a ticket and binds it to the address that uses it first. An EventSource that lost its connection requests the
   * same URL again, with or without the id of an event. From the same address the ticket opens its stream again, for
   * TICKET_RESUME_TTL_MS after each use. A ticket that is sent for another stream is refused and stays valid for its own.
   * @param address the caller's address as returned by `addressOf`
   * @throws InvalidTicketError
   * @throws ProblemError 503 if the authentication strategy of the ticket's principal cannot say whether it is still valid
   */
  async redeem(ticket: string, target: TicketTarget, address: string): Promise<Principal> {
    const isTarget = 'filter' in target || isUuid(target.executionId);
    if (!TICKET.test(ticket) || !isTarget) throw new InvalidTicketError();
    const [column, value] =
      'filter' in target
        ? (['filter', target.filter] as const)
        : (['execution_id', target.executionId] as const);
    const row = await this.database.kysely
      .updateTable('stream_tickets')
      .set({ used_by: address, expires_at: after(this.settings.TICKET_RESUME_TTL_MS) })
      .where('hash', '=', sha256(ticket))
      .where(column, '=', value)
      .where('expires_at', '>', NOW)
      .where((where) =>
        this.settings.TICKET_RESUME_TTL_MS > 0
          ? where.or([where('used_by', 'is', null), where('used_by', '=', address)])
          : where('used_by', 'is', null),
      )
      .returning('principal')
      .executeTakeFirst();
    if (!row) throw new InvalidTicketError();
    const principal = row.principal as Principal;
    if (!(await this.validity.isValid(principal))) throw new InvalidTicketError();
    return principal;
  }

  /** Deletes expired tickets, at most once a minute. */
  private async purge(): Promise<void> {
    const now = performance.now();
    if (now - this.purgedAt < PURGE_INTERVAL_MS) return;
    this.purgedAt = now;
    await this.database.kysely.deleteFrom('stream_tickets').where('expires_at', '<', NOW).execute();
  }
}
