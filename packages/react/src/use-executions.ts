import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { useCloutAgent } from './provider.js';
import { type ExecutionsFilter, type ExecutionsSnapshot, NO_EXECUTIONS } from './store/executions-store.js';
import { storesOf } from './store/stores.js';

export interface LiveExecutions extends ExecutionsSnapshot {
  /** Reads the next page and adds its executions at the end. */
  readonly loadMore: () => Promise<void>;
  /** Reads the list again now, for example after an execution was started. */
  readonly refresh: () => Promise<void>;
}

/**
 * Returns executions, newest first, and keeps them up to date: it reads the list once and then follows the stream of
 * many executions. The filter may be a new object in every render.
 */
export function useExecutions(filter: ExecutionsFilter = {}): LiveExecutions {
  const { lists } = storesOf(useCloutAgent());
  const { projectId, status, tag, parentId, rootId, rerunOf, limit } = filter;
  const key = JSON.stringify({ projectId, status, tag, parentId, rootId, rerunOf, limit });
  const subscribe = useCallback(
    (onChange: () => void) => {
      const { value: store, release } = lists.acquire(key);
      const stop = store.watch(onChange);
      return () => {
        stop();
        release();
      };
    },
    [lists, key],
  );
  const snapshot = useCallback(() => lists.peek(key)?.snapshot ?? NO_EXECUTIONS, [lists, key]);
  const state = useSyncExternalStore(subscribe, snapshot, () => NO_EXECUTIONS);
  const actions = useMemo(
    () => ({
      loadMore: () => lists.peek(key)?.loadMore() ?? Promise.resolve(),
      refresh: () => lists.peek(key)?.refresh() ?? Promise.resolve(),
    }),
    [lists, key],
  );
  return useMemo(() => ({ ...state, ...actions }), [state, actions]);
}
