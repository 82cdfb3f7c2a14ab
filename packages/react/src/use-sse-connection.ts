import type { ConnectionState } from '@cloutagent/client';
import type { EventType, ExecutionEvent } from '@cloutagent/contract';
import { useEffect, useRef, useState } from 'react';
import { useCloutAgent } from './provider.js';
import { storesOf } from './store/stores.js';

/** A handler by event type, one for every event, one for changes of the connection. They may change with each render. */
export type SSECallbacks = {
  [T in EventType]?: ((event: Extract<ExecutionEvent, { type: T }>) => void) | undefined;
} & {
  event?: ((event: ExecutionEvent) => void) | undefined;
  state?: ((state: ConnectionState) => void) | undefined;
};

export interface SSEConnectionOptions {
  /** Sequence after which to begin; default 0: every event from the first on. */
  after?: number | undefined;
}

const IDLE: ConnectionState = { status: 'idle' };

/**
 * Calls back with every event of an execution, each once and in order, and returns the state of the connection, which
 * is the page's one for this execution. Changing `executionId` or `after` begins anew; new callbacks do not.
 */
export function useSSEConnection(
  executionId: string | null | undefined,
  callbacks: SSECallbacks,
  { after = 0 }: SSEConnectionOptions = {},
): ConnectionState {
  const { feeds } = storesOf(useCloutAgent());
  const [known, setKnown] = useState<{ of: string; state: ConnectionState }>();
  const latest = useRef(callbacks);
  useEffect(() => {
    latest.current = callbacks;
  });

  useEffect(() => {
    if (!executionId) return;
    const { value: feed, release } = feeds.acquire(executionId);
    const stop = feed.listen({
      after,
      onEvent: (event) => {
        const handler = latest.current[event.type] as ((event: ExecutionEvent) => void) | undefined;
        handler?.(event);
        latest.current.event?.(event);
      },
      onState: (next) => {
        setKnown({ of: executionId, state: next });
        latest.current.state?.(next);
      },
    });
    return () => {
      stop();
      release();
    };
  }, [feeds, executionId, after]);

  // What was said of another execution says nothing of this one.
  return known && known.of === executionId ? known.state : IDLE;
}
