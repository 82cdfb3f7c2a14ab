import { randomUUID } from 'node:crypto';
import type { RequestId } from './json-rpc.js';

/**
 * What the id of a session says about a client of the revisions before 2026-07-28. No process keeps anything of a session, so
 * every process accepts every id. The id makes the ids of a client's requests unique, and says what `initialize` said.
 */
export interface LegacySession {
  readonly id: string;
  /** Whether the client shows forms to a person. */
  readonly elicits: boolean;
}

const SESSION_ID = /^([ef])-[0-9a-f-]{36}$/;

/** Makes the id of a new session. @param capabilities of the client, from `initialize` */
export function newSessionId(capabilities: unknown): string {
  return `${elicitsForms(capabilities) ? 'e' : 'f'}-${randomUUID()}`;
}

/** Reads the id of a session. A client without one gets every answer, but no forms, and it cannot cancel calls. */
export function sessionOf(header: string | undefined): LegacySession | undefined {
  const kind = SESSION_ID.exec(header ?? '')?.[1];
  return kind === undefined ? undefined : { id: header!, elicits: kind === 'e' };
}

/** Whether a client can show forms. An empty object means the mode `form` (2025-11-25, elicitation). */
export function elicitsForms(capabilities: unknown): boolean {
  if (!isRecord(capabilities) || !isRecord(capabilities['elicitation'])) return false;
  const { elicitation } = capabilities;
  return Object.keys(elicitation).length === 0 || isRecord(elicitation['form']);
}

/** A place in the stream of a call, which the ids of its events name. */
export interface CallPlace {
  readonly executionId: string;
  readonly sequence: number;
  /** The id of the request that the stream answers. */
  readonly requestId: RequestId;
  readonly progressToken: RequestId | undefined;
}

const MAX_LENGTH = 300;

/** Encodes a place as the id of an event. Returns undefined if the ids of the client are too long for it. */
export function encodePlace({
  executionId,
  sequence,
  requestId,
  progressToken,
}: CallPlace): string | undefined {
  const request = Buffer.from(JSON.stringify([requestId, progressToken ?? null])).toString('base64url');
  return request.length > MAX_LENGTH ? undefined : `${executionId}.${sequence}.${request}`;
}

/** Decodes the id of an event. Returns undefined if it is not one of this server. */
export function decodePlace(eventId: string): CallPlace | undefined {
  const [, executionId, sequence, request] =
    /^([0-9a-f-]{36})\.([0-9]{1,10})\.([A-Za-z0-9_-]{1,300})$/.exec(eventId) ?? [];
  if (executionId === undefined || sequence === undefined || request === undefined) return undefined;
  try {
    const ids: unknown = JSON.parse(Buffer.from(request, 'base64url').toString());
    if (!Array.isArray(ids) || ids.length !== 2) return undefined;
    const [requestId, token] = ids as unknown[];
    if (!isRequestId(requestId) || !(token === null || isRequestId(token))) return undefined;
    return { executionId, sequence: Number(sequence), requestId, progressToken: token ?? undefined };
  } catch {
    return undefined;
  }
}

const isRequestId = (value: unknown): value is RequestId =>
  typeof value === 'string' || typeof value === 'number';

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
