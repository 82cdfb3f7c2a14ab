import type { ConnectionEstablished, EventType } from '@cloutagent/contract';
import type { ServerResponse } from 'node:http';
import type { Holder } from '../common/holder.js';
import type { FormatSession } from './formats/format-encoder.js';
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
  /**
   * Returns the newest committed sequence if this process runs the execution. Then the stream opens without a query. Called
   * once.
   */
  committed?: (() => number | undefined) | undefined;
  /** Undefined for the format of this server. */
  format?: FormattedStream | undefined;
  /** Fields of the first frame's data. A stream in another format has no such frame. The stream adds the others. */
  established: Pick<ConnectionEstablished, 'executionId' | 'message' | 'status'>;
}

/** How a stream is sent in another format. */
export interface FormattedStream {
  readonly session: FormatSession;
  /** Number of the frames of event `after + 1` that the client has. */
  readonly skip: number;
  /**
   * Whether the stream ends when the client has to act before there are more frames. With `after`, only after an event past
   * this sequence.
   */
  readonly endsWhenIdle: boolean | { readonly after: number };
  /**
   * Called when all frames have been written: up to the end of the execution, or up to where the client has to act. It is not
   * called for a stream that ends before.
   * @param sequence of the last event
   */
  readonly onComplete?: ((sequence: number) => void) | undefined;
}

/** Opens a stream of many executions. */
export interface MultiStreamRequest extends CommonStreamRequest {
  /** Where the stream begins. Executions join a `FilterMembership` later, so its stream does not end. */
  position: StreamPosition;
  /** Number of executions that have joined. */
  executions: number;
}
