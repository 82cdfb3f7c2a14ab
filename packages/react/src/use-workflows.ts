import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { useCloutAgent } from './provider.js';
import {
  NO_WORKFLOWS,
  type WorkflowsFilter,
  type WorkflowsSnapshot,
  workflowStoresOf,
} from './store/workflows-store.js';

export interface LiveWorkflows extends WorkflowsSnapshot {
  /** Reads the next page and adds its workflows at the end. */
  readonly loadMore: () => Promise<void>;
  /** Reads the list again now, for example after a workflow was saved. */
  readonly refresh: () => Promise<void>;
}

/**
 * Returns the saved workflows of a project, or of all projects of the credential. They are read again every 30 s while the
 * page is visible. Needs the scope `workflows:read`. The filter may be a new object in every render.
 */
export function useWorkflows({ projectId, tag }: WorkflowsFilter = {}): LiveWorkflows {
  const stores = workflowStoresOf(useCloutAgent());
  const key = JSON.stringify({ projectId, tag });
  const subscribe = useCallback(
    (onChange: () => void) => {
      const { value: store, release } = stores.acquire(key);
      const stop = store.watch(onChange);
      return () => {
        stop();
        release();
      };
    },
    [stores, key],
  );
  const snapshot = useCallback(() => stores.peek(key)?.snapshot ?? NO_WORKFLOWS, [stores, key]);
  const state = useSyncExternalStore(subscribe, snapshot, () => NO_WORKFLOWS);
  const actions = useMemo(
    () => ({
      loadMore: () => stores.peek(key)?.loadMore() ?? Promise.resolve(),
      refresh: () => stores.peek(key)?.refresh() ?? Promise.resolve(),
    }),
    [stores, key],
  );
  return useMemo(() => ({ ...state, ...actions }), [state, actions]);
}
