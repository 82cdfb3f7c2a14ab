import type { ConnectionState } from '@cloutagent/client';
import type { EventType, ExecutionEvent, ExecutionEventOf } from '@cloutagent/contract';
import { useEffect, useRef, useState } from 'react';
import { useCloutAgent } from './provider.js';
import { storesOf } from './store/stores.js';

/**
 * Handlers by event type, a handler for every event, and a handler for changes of the connection. They may be new
 * functions in every render.
 */
export type SSECallbacks = {
  [T in EventType]?: ((event: ExecutionEventOf<T>) => void) | undefined;
} & {
  event?: ((event: ExecutionEvent) => void) | undefined;
  state?: ((state: ConnectionState) => void) | undefined;
};

export interface SSEConnectionOptions {
  /** Delivers events after this sequence. Default 0, which delivers every event. */
  after?: number | undefined;
}

const IDLE: ConnectionState = { status: 'idle' };

/**
 * Calls handlers with every event of an execution, each once and in order. Components of a page share the connection.
 * It starts again when `executionId` or `after` changes, but not when the callbacks change.
 * @returns the state of the connection
 */
export function useSSEConnection(
  executionId: string | null | undefined,
  callbacks: SSECallbacks,
  { after = 0 }: SSEConnectionOptions = {},
): ConnectionState {
  const { streams } = storesOf(useCloutAgent());
  const [stored, setStored] = useState<{ executionId: string; state: ConnectionState }>();
  const latest = useRef(callbacks);
  useEffect(() => {
    latest.current = callbacks;
  });

  useEffect(() => {
    if (!executionId) return;
    const { value: stream, release } = streams.acquire(executionId);
    const stop = stream.listen({
      after,
      onEvent: (event) => {
        const handler = latest.current[event.type] as ((event: ExecutionEvent) => void) | undefined;
        handler?.(event);
        latest.current.event?.(event);
      },
      onState: (next) => {
        setStored({ executionId, state: next });
        latest.current.state?.(next);
      },
    });
    return () => {
      stop();
      release();
    };
  }, [streams, executionId, after]);

  // The stored state may still be that of the previous execution.
  return stored && stored.executionId === executionId ? stored.state : IDLE;
}
