import type { ConnectionEstablished, EventType } from '@cloutagent/contract';
import type { ServerResponse } from 'node:http';
import type { Holder } from '../common/holder.js';
import type { StreamPosition } from './multi/stream-position.js';

/** The fields that every stream needs. */
export interface CommonStreamRequest {
  /** The event types to send; all if undefined. */
  types?: readonly EventType[] | undefined;
  /** Where the frames are written. */
  response: ServerResponse;
  /** The watching principal, for `closeByPrincipal`. */
  principalId: string;
  /** When the principal's right to watch ends, in ms since the epoch; null for never. */
  expiresAt: number | null;
  /**
   * Called when the stream opens, which it never does for a client that has left before. An error is answered as a problem.
   * The holder is released when the stream ends.
   */
  enter: () => Holder;
}

/** Opens a stream of one execution. */
export interface StreamRequest extends CommonStreamRequest {
  executionId: string;
  /** Events after this sequence are sent. */
  after: number;
  /** Fields of the first frame's data. The stream adds the others. */
  established: Pick<ConnectionEstablished, 'executionId' | 'message' | 'status'>;
}

/** Opens a stream of many executions. */
export interface MultiStreamRequest extends CommonStreamRequest {
  /** Where the stream begins. Executions join a `FilterMembership` later, so its stream does not end. */
  position: StreamPosition;
  /** Number of executions that have joined. */
  executions: number;
}
