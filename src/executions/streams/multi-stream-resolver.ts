import { Inject, Injectable } from '@nestjs/common';
import { type ExecutionFilter, filterKey, isTerminal, type OpenExecutionsStream } from '@cloutagent/contract';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { JournalReader } from '../../journal/journal-reader.js';
import {
  NOT_OF_THE_FUTURE,
  STATUS_COLUMNS,
  type StatusChange,
  toChange,
} from '../../journal/status-changes.js';
import { NotFoundError, ProblemError, ValidationFailedError } from '../../problems/problem.error.js';
import {
  type ExecutionPosition,
  FixedStreamPosition,
  type StreamPosition,
} from '../../streaming/multi/stream-position.js';
import {
  CursorError,
  decodeFilterCursor,
  decodeNamedCursor,
  fingerprintOf,
} from '../../streaming/multi/multi-cursor.js';
import { FilterMembership, type MembershipFilter } from '../../streaming/multi/filter-membership.js';
import { checkId } from '../execution-id.js';
import { ExecutionLookup, type WatchableExecution } from './execution-lookup.js';

/** Entries that a cursor may have, whatever the settings of the process that made it. */
const MOST_ENTRIES = 4_000;

// Under way first, then the oldest that wait: when there is no room for all, the others join once their status changes.
const BEGINNING = `
  WITH s AS (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS horizon)
  SELECT s.horizon::text::bigint AS horizon, e.* FROM s LEFT JOIN LATERAL (
    (SELECT ${STATUS_COLUMNS} FROM cloutagent.executions AS e
     WHERE e.completed_at IS NULL AND ($1::text[] IS NULL OR e.project_id = ANY ($1))
       AND ($2::text IS NULL OR $2 = ANY (e.tags)) AND ($3::text[] IS NULL OR e.status = ANY ($3))
     ORDER BY e.status = 'queued', e.ordinal LIMIT $4)
    UNION ALL
    SELECT ${STATUS_COLUMNS} FROM cloutagent.executions AS e
    WHERE e.completed_at IS NOT NULL AND e.changed_xid >= s.horizon AND ${NOT_OF_THE_FUTURE}
      AND ($1::text[] IS NULL OR e.project_id = ANY ($1)) AND ($2::text IS NULL OR $2 = ANY (e.tags))
  ) AS e ON true`;
const MEMBERS = `
  WITH s AS (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next)
  SELECT s.next, e.* FROM s LEFT JOIN (
    SELECT ${STATUS_COLUMNS} FROM cloutagent.executions AS e
    WHERE e.ordinal = ANY ($1::bigint[]) AND ($2::text[] IS NULL OR e.project_id = ANY ($2))
      AND ($3::text IS NULL OR $3 = ANY (e.tags))
  ) AS e ON true`;

/** Finds out where a stream of many executions begins, and whether its caller may have it. */
@Injectable()
export class MultiStreamResolver {
  constructor(
    private readonly database: Database,
    private readonly journal: JournalReader,
    private readonly executions: ExecutionLookup,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'MULTI_STREAM_MAX_EXECUTIONS' | 'MULTI_STREAM_MAX_IDS'>,
  ) {}

  /**
   * The filter's key, when all it names is the caller's.
   * @throws NotFoundError
   */
  async check(filter: ExecutionFilter, principal: Principal): Promise<string> {
    if (filter.executionIds) await this.findNamed(filter.executionIds, principal);
    else this.projectsOf(filter, principal);
    return filterKey(filter);
  }

  /**
   * @param cursor where to go on
   * @returns nothing when there is nothing more to come
   * @throws NotFoundError, ProblemError 400 for a cursor that is none of this stream
   */
  async open(
    query: OpenExecutionsStream,
    cursor: string | undefined,
    principal: Principal,
  ): Promise<{ position: StreamPosition; executions: number } | undefined> {
    return query.executionIds
      ? this.openNamed(query, query.executionIds, cursor, principal)
      : { ...(await this.openFilter(query, cursor, principal)) };
  }

  private async openNamed(
    query: OpenExecutionsStream,
    ids: readonly string[],
    cursor: string | undefined,
    principal: Principal,
  ): Promise<{ position: StreamPosition; executions: number } | undefined> {
    const found = (await this.findNamed(ids, principal)).sort((one, other) => (one.id < other.id ? -1 : 1));
    const fingerprint = fingerprintOf(filterKey(query));
    const positions =
      cursor === undefined
        ? found.map(({ lastSequence }) => (query.from === 'now' ? lastSequence : 0))
        : decoded(() => decodeNamedCursor(cursor, fingerprint, found.length));
    const lanes = found.map(({ id, lastSequence }, place): ExecutionPosition => {
      const position = positions[place]!;
      if (position > lastSequence) throw invalidCursor(`it is past the end of execution ${id}`);
      return { ordinal: place + 1, executionId: id, position };
    });
    const open = lanes.filter(
      ({ position }, place) => !isTerminal(found[place]!.status) || position < found[place]!.lastSequence,
    );
    const settled = found.every(({ status }) => isTerminal(status));
    if (settled && (open.length === 0 || !(await this.journal.hasAfter(open, query.types)))) return undefined;
    return { position: new FixedStreamPosition(fingerprint, lanes, open), executions: lanes.length };
  }

  private async openFilter(
    query: OpenExecutionsStream,
    cursor: string | undefined,
    principal: Principal,
  ): Promise<{ position: StreamPosition; executions: number }> {
    const filter: MembershipFilter = {
      key: filterKey(query),
      projectIds: this.projectsOf(query, principal),
      status: query.status,
      tag: query.tag,
    };
    const position =
      cursor === undefined
        ? await this.begin(filter, query.from === 'now')
        : await this.resume(filter, cursor);
    return { position, executions: position.positions.length };
  }

  private async begin(filter: MembershipFilter, now: boolean): Promise<FilterMembership> {
    const most = this.settings.MULTI_STREAM_MAX_EXECUTIONS;
    const values = [filter.projectIds ?? null, filter.tag ?? null, filter.status ?? null, most];
    const { rows } = await this.database.pool.query<Record<string, unknown>>(BEGINNING, values);
    const horizon = Number(rows[0]!['horizon']);
    const changes = rowsOf(rows);
    const open = changes.filter(({ ended }) => !ended);
    const last = now
      ? await this.journal.lastSequences(open.map(({ executionId }) => executionId))
      : new Map();
    const roster = new FilterMembership(filter, horizon, horizon, most);
    for (const change of open) roster.add(change, (last.get(change.executionId) as number | undefined) ?? 0);
    // Ended before, though in a transaction that counts as later: they are not to join.
    for (const change of changes) if (change.ended) roster.forget(change);
    return roster;
  }

  private async resume(filter: MembershipFilter, text: string): Promise<FilterMembership> {
    const cursor = decoded(() => decodeFilterCursor(text, fingerprintOf(filter.key), MOST_ENTRIES));
    const ordinals = [...cursor.open.map(({ ordinal }) => ordinal), ...cursor.done];
    const { rows } = await this.database.pool.query<Record<string, unknown>>(MEMBERS, [
      ordinals,
      filter.projectIds ?? null,
      filter.tag ?? null,
    ]);
    if (cursor.horizon > Number(rows[0]!['next'])) throw invalidCursor('it is of another database');
    // Those that are not there are not the caller's, or not any more.
    const found = new Map(rowsOf(rows).map((change) => [change.ordinal, change]));
    const last = await this.journal.lastSequences(
      cursor.open.flatMap(({ ordinal }) => found.get(ordinal)?.executionId ?? []),
    );
    const roster = new FilterMembership(
      filter,
      cursor.began,
      cursor.horizon,
      this.settings.MULTI_STREAM_MAX_EXECUTIONS,
    );
    for (const { ordinal, position } of cursor.open) {
      const change = found.get(ordinal);
      if (!change) continue;
      const end = last.get(change.executionId) ?? 0;
      if (position > end) throw invalidCursor(`it is past the end of execution ${change.executionId}`);
      if (change.ended && position === end) roster.forget(change);
      else roster.add(change, position);
    }
    for (const ordinal of cursor.done) {
      const change = found.get(ordinal);
      if (change) roster.forget(change);
    }
    return roster;
  }

  private async findNamed(ids: readonly string[], principal: Principal): Promise<WatchableExecution[]> {
    const { MULTI_STREAM_MAX_IDS: most } = this.settings;
    if (ids.length > most) {
      const message = `takes at most ${most} executions (MULTI_STREAM_MAX_IDS), these are ${ids.length}`;
      throw new ValidationFailedError([{ path: 'executionIds', message }]);
    }
    return Promise.all(ids.map(async (id) => this.executions.find(checkId(id), principal)));
  }

  private projectsOf({ projectId }: ExecutionFilter, principal: Principal): readonly string[] | undefined {
    if (projectId !== undefined) {
      if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
      return [projectId];
    }
    return principal.projects.includes('*') ? undefined : principal.projects;
  }
}

const rowsOf = (rows: readonly Record<string, unknown>[]): StatusChange[] =>
  rows.filter((row) => row['ordinal'] !== null).map(toChange);

function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof CursorError) throw invalidCursor(error.message);
    throw error;
  }
}

const invalidCursor = (reason: string): ProblemError =>
  new ProblemError(
    'invalid_last_event_id',
    `Last-Event-ID must be the id of an event from a stream with this filter; ${reason}. Leave it out to begin anew.`,
  );
