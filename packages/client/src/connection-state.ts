import type { CloutAgentError } from './error.js';

/**
 * State of a stream's connection. It starts as `idle` and ends as `closed`; in between it repeats
 * `connecting → open → waiting` for each reconnection.
 */
export type ConnectionState =
  | { readonly status: 'idle' }
  /** `attempt` counts from 1. It starts again at 1 after a connection has worked. */
  | { readonly status: 'connecting'; readonly attempt: number }
  | { readonly status: 'open' }
  /** The last attempt failed because of `reason`. The next begins after `delayMs`, or when the network returns. */
  | {
      readonly status: 'waiting';
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: string;
    }
  /**
   * `ended`: the server has no more events. `disconnected`: the caller closed the stream. `refused`: a retry would not
   * help; `error` says why.
   */
  | {
      readonly status: 'closed';
      readonly reason: 'ended' | 'disconnected' | 'refused';
      readonly error?: CloutAgentError;
    };
