import { Inject, Injectable } from '@nestjs/common';
import { type ExecutionFilter, filterKey, isTerminal, type OpenExecutionsStream } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { Settings } from '../../config/settings.js';
import { JournalReader } from '../../journal/journal-reader.js';
import { StatusChanges } from '../../journal/status-changes.js';
import { ProblemError, ValidationFailedError } from '../../problems/problem.error.js';
import { FilterMembership, type MembershipFilter } from '../../streaming/multi/filter-membership.js';
import {
  CursorError,
  decodeFilterCursor,
  decodeFixedCursor,
  fingerprintOf,
} from '../../streaming/multi/multi-cursor.js';
import {
  type ExecutionPosition,
  FixedStreamPosition,
  type StreamPosition,
} from '../../streaming/multi/stream-position.js';
import type { ExecutionHead } from '../executions.repository.js';
import { visibleProjects } from '../visible-projects.js';
import { ExecutionLookup } from './execution-lookup.js';
import { StreamMembersRepository } from './stream-members.repository.js';

/** Executions that a cursor may contain. It does not depend on the settings of the process that made the cursor. */
const MAX_CURSOR_ENTRIES = 4_000;

/** Where a stream of many executions starts. */
export interface MultiStreamStart {
  position: StreamPosition;
  /** Number of executions that have joined. */
  executions: number;
}

/** Determines where a stream of many executions starts, and whether the caller may open it. */
@Injectable()
export class MultiStreamResolver {
  constructor(
    private readonly members: StreamMembersRepository,
    private readonly journal: JournalReader,
    private readonly executions: ExecutionLookup,
    private readonly changes: StatusChanges,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'MULTI_STREAM_MAX_EXECUTIONS' | 'MULTI_STREAM_MAX_IDS'>,
  ) {}

  /**
   * Checks that everything that a filter names is the principal's, and returns the filter's key.
   * @throws NotFoundError if an execution or the project is not
   * @throws ValidationFailedError if the filter names too many executions
   */
  async check(filter: ExecutionFilter, principal: Principal): Promise<string> {
    if (filter.executionIds) await this.findByIds(filter.executionIds, principal);
    else if (filter.rootId !== undefined) await this.findRoot(filter.rootId, principal);
    else visibleProjects(principal, filter.projectId);
    return filterKey(filter);
  }

  /**
   * Resolves a request for a stream.
   * @param cursor where the stream continues; undefined for a new stream
   * @returns undefined if the executions that the query names have ended and have no further events
   * @throws NotFoundError if an execution or the project is not the principal's
   * @throws ValidationFailedError if the query names too many executions
   * @throws ProblemError 400 `invalid_last_event_id` if the cursor is not of a stream with this filter
   */
  async open(
    query: OpenExecutionsStream,
    cursor: string | undefined,
    principal: Principal,
  ): Promise<MultiStreamStart | undefined> {
    if (query.executionIds) return this.openByIds(query, query.executionIds, cursor, principal);
    if (query.rootId !== undefined) return this.openByRoot(query, query.rootId, cursor, principal);
    return this.openByFilter(query, cursor, principal);
  }

  private async openByRoot(
    query: OpenExecutionsStream,
    rootId: string,
    cursor: string | undefined,
    principal: Principal,
  ): Promise<MultiStreamStart | undefined> {
    const root = await this.findRoot(rootId, principal);
    const filter: MembershipFilter = {
      key: filterKey(query),
      projectIds: [root.projectId],
      rootId: root.id,
    };
    const membership = await this.beginOrResume(filter, cursor, query.from === 'now');
    if (isTerminal(root.status) && !(await this.hasMore(membership, query))) return undefined;
    return { position: membership, executions: membership.positions.length };
  }

  private async beginOrResume(
    filter: MembershipFilter,
    cursor: string | undefined,
    fromNow: boolean,
  ): Promise<FilterMembership> {
    if (cursor !== undefined) return this.resume(filter, cursor);
    const membership = fromNow
      ? await this.begin(filter, true)
      : // All changes of the tree since ever let its executions join, also those that have ended.
        new FilterMembership(filter, 0, 0, this.settings.MULTI_STREAM_MAX_EXECUTIONS);
    // Read after the members, so that no end of the root falls between the two.
    const { executions } = await this.members.byOrdinal([], filter);
    for (const root of executions) {
      membership.noteRoot(root);
      if (!fromNow) membership.add(root, 0);
    }
    return membership;
  }

  /** Checks whether a stream over a tree whose root has ended has events to send. */
  private async hasMore(membership: FilterMembership, { types }: OpenExecutionsStream): Promise<boolean> {
    const positions = [...membership.positions];
    for await (const { rows } of this.changes.since(membership.horizon, membership.filter))
      for (const change of rows)
        if (!membership.has(change))
          positions.push({ ordinal: change.ordinal, executionId: change.executionId, position: 0 });
    return positions.length > 0 && this.journal.hasAfter(positions, types);
  }

  private async openByIds(
    query: OpenExecutionsStream,
    ids: readonly string[],
    cursor: string | undefined,
    principal: Principal,
  ): Promise<MultiStreamStart | undefined> {
    const heads = (await this.findByIds(ids, principal)).toSorted((one, other) =>
      one.id < other.id ? -1 : 1,
    );
    const fingerprint = fingerprintOf(filterKey(query));
    const sequences =
      cursor === undefined
        ? heads.map(({ lastSequence }) => (query.from === 'now' ? lastSequence : 0))
        : decoded(() => decodeFixedCursor(cursor, fingerprint, heads.length));
    const positions = heads.map(({ id, lastSequence }, index): ExecutionPosition => {
      const position = sequences[index]!;
      if (position > lastSequence) throw invalidCursor(`it is past the end of execution ${id}`);
      return { ordinal: index + 1, executionId: id, position };
    });
    const open = positions.filter(
      ({ position }, index) => !isTerminal(heads[index]!.status) || position < heads[index]!.lastSequence,
    );
    const haveEnded = heads.every(({ status }) => isTerminal(status));
    if (haveEnded && (open.length === 0 || !(await this.journal.hasAfter(open, query.types))))
      return undefined;
    return {
      position: new FixedStreamPosition(fingerprint, positions, open),
      executions: positions.length,
    };
  }

  private async openByFilter(
    query: OpenExecutionsStream,
    cursor: string | undefined,
    principal: Principal,
  ): Promise<MultiStreamStart> {
    const filter: MembershipFilter = {
      key: filterKey(query),
      projectIds: visibleProjects(principal, query.projectId),
      status: query.status,
      tag: query.tag,
    };
    const membership =
      cursor === undefined
        ? await this.begin(filter, query.from === 'now')
        : await this.resume(filter, cursor);
    return { position: membership, executions: membership.positions.length };
  }

  private async begin(filter: MembershipFilter, fromNow: boolean): Promise<FilterMembership> {
    const { MULTI_STREAM_MAX_EXECUTIONS } = this.settings;
    const { executions, horizon } = await this.members.current(filter, MULTI_STREAM_MAX_EXECUTIONS);
    const open = executions.filter(({ ended }) => !ended);
    const lastSequences = fromNow
      ? await this.journal.lastSequences(open.map(({ executionId }) => executionId))
      : new Map<string, number>();
    const membership = new FilterMembership(filter, horizon, horizon, MULTI_STREAM_MAX_EXECUTIONS);
    for (const change of open) membership.add(change, lastSequences.get(change.executionId) ?? 0);
    // These executions had ended before this stream opened, but their transaction id is at or after the horizon. Mark them
    // as done so that they do not join.
    for (const change of executions) if (change.ended) membership.forget(change);
    return membership;
  }

  private async resume(filter: MembershipFilter, text: string): Promise<FilterMembership> {
    const { began, horizon, open, done } = decoded(() =>
      decodeFilterCursor(text, fingerprintOf(filter.key), MAX_CURSOR_ENTRIES),
    );
    const ordinals = [...open.map(({ ordinal }) => ordinal), ...done];
    const { executions, nextXid } = await this.members.byOrdinal(ordinals, filter);
    if (horizon > nextXid) throw invalidCursor('it is from another database');
    // An execution that is missing here is deleted, or is not the caller's (any more).
    const found = new Map(executions.map((change) => [change.ordinal, change]));
    const root = executions.find(({ executionId }) => executionId === filter.rootId);
    const lastSequences = await this.journal.lastSequences(
      open.flatMap(({ ordinal }) => found.get(ordinal)?.executionId ?? []),
    );
    const { MULTI_STREAM_MAX_EXECUTIONS } = this.settings;
    const membership = new FilterMembership(filter, began, horizon, MULTI_STREAM_MAX_EXECUTIONS);
    if (root) membership.noteRoot(root);
    for (const { ordinal, position } of open) {
      const change = found.get(ordinal);
      if (!change) continue;
      const end = lastSequences.get(change.executionId) ?? 0;
      if (position > end) throw invalidCursor(`it is past the end of execution ${change.executionId}`);
      if (change.ended && position === end) membership.forget(change);
      else membership.add(change, position);
    }
    for (const ordinal of done) {
      const change = found.get(ordinal);
      if (change) membership.forget(change);
    }
    return membership;
  }

  /** @throws NotFoundError, ValidationFailedError if it is not at the top of a tree */
  private async findRoot(rootId: string, principal: Principal): Promise<ExecutionHead> {
    const head = await this.executions.find(rootId, principal);
    if (head.rootId === null) return head;
    const message = `is a child execution; the root of its tree is ${head.rootId}`;
    throw new ValidationFailedError([{ path: 'rootId', message }]);
  }

  private async findByIds(ids: readonly string[], principal: Principal): Promise<ExecutionHead[]> {
    const { MULTI_STREAM_MAX_IDS: limit } = this.settings;
    if (ids.length > limit) {
      const message = `must name at most ${limit} executions (MULTI_STREAM_MAX_IDS), but names ${ids.length}`;
      throw new ValidationFailedError([{ path: 'executionIds', message }]);
    }
    return Promise.all(ids.map((id) => this.executions.find(id, principal)));
  }
}

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
    `Last-Event-ID must be the id of an event from a stream with this filter; ${reason}. Leave it out to start a new stream.`,
  );
