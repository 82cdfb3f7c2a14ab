import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { useCloutAgent } from './provider.js';
import { storesOf } from './store/stores.js';
import { NO_WAITS, type WaitsFilter, type WaitsSnapshot } from './store/waits-store.js';

export interface LiveWaits extends WaitsSnapshot {
  /** Reads one more page. */
  readonly loadMore: () => Promise<void>;
  /** Reads the waits again now, for example after one was answered. */
  readonly refresh: () => Promise<void>;
}

/**
 * Returns the open waits that match, the inbox of the caller's projects, and keeps them up to date. The filter may be a new
 * object in every render. Waits of child executions appear within 10 s, all others at once.
 */
export function useWaits(filter: WaitsFilter = {}): LiveWaits {
  const { inboxes } = storesOf(useCloutAgent());
  const { projectId, kind, assignee, executionId } = filter;
  const key = JSON.stringify({ projectId, kind, assignee, executionId });
  const subscribe = useCallback(
    (onChange: () => void) => {
      const { value: store, release } = inboxes.acquire(key);
      const stop = store.watch(onChange);
      return () => {
        stop();
        release();
      };
    },
    [inboxes, key],
  );
  const snapshot = useCallback(() => inboxes.peek(key)?.snapshot ?? NO_WAITS, [inboxes, key]);
  const state = useSyncExternalStore(subscribe, snapshot, () => NO_WAITS);
  const actions = useMemo(
    () => ({
      loadMore: () => inboxes.peek(key)?.loadMore() ?? Promise.resolve(),
      refresh: () => inboxes.peek(key)?.refresh() ?? Promise.resolve(),
    }),
    [inboxes, key],
  );
  return useMemo(() => ({ ...state, ...actions }), [state, actions]);
}
