import type { CloutAgentError } from './error.js';

/**
 * Where a stream is. It starts `idle` and ends `closed`; in between it goes round
 * `connecting → open → waiting → connecting` as often as the network makes it.
 */
export type ConnectionState =
  | { readonly status: 'idle' }
  /** `attempt` counts from 1 and starts anew when a connection has worked. */
  | { readonly status: 'connecting'; readonly attempt: number }
  | { readonly status: 'open' }
  /** The last attempt failed for `reason`; the next begins after `delayMs`, or when the network is back. */
  | {
      readonly status: 'waiting';
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: string;
    }
  /** `ended`: with the execution. `disconnected`: by the caller. `refused`: trying again would not help, see `error`. */
  | {
      readonly status: 'closed';
      readonly reason: 'ended' | 'disconnected' | 'refused';
      readonly error?: CloutAgentError;
    };
