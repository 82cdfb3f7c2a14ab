import type { EventDraft, Json, WaitKind } from '@cloutagent/contract';
import type { Selectable } from 'kysely';
import { v7 as uuidv7 } from '../../common/uuid.js';
import type { WaitDetails, WaitsTable } from '../../database/schema.js';
import type { NewChildren, NewWait, RecordedWait } from '../../journal/row-change.js';
import type { ChildrenRequest, WaitRequest, WaitResult } from '../extension/waiting.js';
import { shownDetails } from '../waits/shown-details.js';
import { checkShown, invalid, timerTime } from './wait-requests.js';

/** A row of the table `waits`. */
export type WaitRow = Selectable<WaitsTable>;
/** A wait of a node, as this process knows it. */
export type KnownWait = Pick<WaitRow, 'id' | 'node_id' | 'step_id' | 'key' | 'kind' | 'request'> &
  Partial<Pick<WaitRow, 'outcome' | 'answer' | 'settled_by'>>;

/** A wait that a node wants to begin. */
export interface WantedWait {
  key: string;
  kind: WaitKind;
  details: WaitDetails;
  signal?: string | undefined;
  assignees?: readonly string[] | undefined;
  /** When it fires or expires: a time in ISO 8601, or ms from now. */
  until?: string | { ms: number } | undefined;
  /** The children that begin with it. */
  children?: NewChildren;
}

const KEY = /^[A-Za-z0-9._:-]{1,128}$/;
/** A hundred years: PostgreSQL and the client accept every time until then. */
const MAX_MS = 3_155_760_000_000;

/**
 * Checks a request of a node and makes the wait of it.
 * @throws NodeError `invalid_wait`
 */
export function wantedWait(request: WaitRequest): WantedWait {
  const { kind, key = kind } = request;
  checkKey(key);
  checkShown(request);
  switch (kind) {
    case 'timer': {
      const { ms, until } = request;
      if ((ms === undefined) === (until === undefined)) throw invalid('give either ms or until');
      return { key, kind, details: {}, until: until === undefined ? duration('ms', ms) : timerTime(until) };
    }
    case 'approval': {
      const { message, schema, assignees, expiresInMs } = request;
      const details = { ...(message !== undefined && { message }), ...(schema && { schema }) };
      return { key, kind, details, assignees, until: duration('expiresInMs', expiresInMs) };
    }
    case 'signal': {
      const { signal, schema, expiresInMs } = request;
      if (typeof signal !== 'string' || !KEY.test(signal))
        throw invalid('signal must have 1 to 128 letters, digits and . _ : -');
      return {
        key,
        kind,
        details: { ...(schema && { schema }) },
        signal,
        until: duration('expiresInMs', expiresInMs),
      };
    }
    case 'tool': {
      const { toolName, toolArgs, message, assignees, expiresInMs } = request;
      if (typeof toolName !== 'string') throw invalid('toolName must be text');
      const details = { toolName, toolArgs, ...(message !== undefined && { message }) };
      return { key, kind, details, assignees, until: duration('expiresInMs', expiresInMs) };
    }
    default:
      throw invalid(`kind must be approval, signal, timer or tool; it is ${JSON.stringify(kind)}`);
  }
}

/** @throws NodeError `invalid_wait` */
export function checkKey(key: unknown): void {
  if (typeof key !== 'string' || !KEY.test(key))
    throw invalid('key must have 1 to 128 letters, digits and . _ : -');
}

function duration(name: string, ms: number | undefined): { ms: number } | undefined {
  if (ms === undefined) return undefined;
  if (typeof ms !== 'number' || !(ms >= 0 && ms <= MAX_MS))
    throw invalid(`${name} must be a number of milliseconds from 0 to ${MAX_MS}`);
  return { ms };
}

/** Makes the row of a wait. */
export const newWait = (
  wanted: WantedWait,
  ids: { projectId: string; nodeId: string; stepId: string },
): NewWait => {
  const { key, kind, details, signal, assignees, until } = wanted;
  return { id: uuidv7(), ...ids, key, kind, details, signal, assignees, until };
};

/** The `execution:waiting` event of a wait. Its time is that of this process; the row has that of the database. */
export function waitingEvent({
  id,
  nodeId,
  stepId,
  kind,
  details,
  signal,
  assignees,
  until,
}: NewWait): EventDraft {
  return {
    type: 'execution:waiting',
    fields: {
      waitId: id,
      nodeId,
      stepId,
      kind,
      ...shownDetails(details),
      ...(signal !== undefined && { signal }),
      ...(assignees && { assignees: [...assignees] }),
      ...(until !== undefined && {
        until: typeof until === 'string' ? until : new Date(Date.now() + until.ms).toISOString(),
      }),
    },
  };
}

/** The `execution:wait-ended` event of a wait. A wait that is open ends as cancelled. */
export const waitEndedEvent = ({
  id,
  node_id,
  step_id,
  kind,
  outcome,
  settled_by,
}: KnownWait): EventDraft => ({
  type: 'execution:wait-ended',
  fields: {
    waitId: id,
    nodeId: node_id,
    stepId: step_id,
    kind,
    outcome: outcome ?? 'cancelled',
    ...(settled_by && { by: settled_by }),
  },
});

/** What the append of that event changes in the row of the wait. */
export const recordedWait = ({ id, outcome }: KnownWait): RecordedWait => ({
  id,
  outcome: outcome ?? 'cancelled',
});

/** What `waitFor` returns for a wait that has ended. */
export function waitResult({ kind, request, outcome, answer, settled_by }: KnownWait): WaitResult {
  const by = settled_by ?? '';
  const given = (answer ?? {}) as { [key: string]: Json };
  if (outcome !== 'answered' && outcome !== 'signalled')
    return { outcome: kind === 'timer' ? 'fired' : 'expired' };
  switch (kind) {
    case 'approval':
      return {
        outcome: 'answered',
        approved: given['approved'] === true,
        by,
        comment: (given['comment'] ?? null) as string | null,
        values: given['values'] ?? null,
      };
    case 'signal':
      return { outcome: 'signalled', body: given['body'] ?? null, by };
    default: {
      const reason = (given['reason'] ?? null) as string | null;
      return given['action'] === 'approve'
        ? {
            outcome: 'answered',
            action: 'approve',
            args: given['args'] ?? request.toolArgs ?? null,
            by,
            reason,
          }
        : { outcome: 'answered', action: 'deny', by, reason };
    }
  }
}

/** The wait that begins with child executions. */
export const childrenWait = (request: ChildrenRequest, children: NewChildren): WantedWait => ({
  key: request.key,
  kind: 'children',
  details: {
    children: {
      count: children.children.length,
      concurrency: request.concurrency ?? children.children.length,
      onError: request.onError ?? 'fail',
    },
  },
  children,
});
