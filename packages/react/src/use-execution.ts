import { useCallback, useSyncExternalStore } from 'react';
import { useCloutAgent } from './provider.js';
import { EMPTY, type ExecutionSnapshot } from './store/snapshot.js';
import { storesOf } from './store/stores.js';

/**
 * The live state of an execution: it connects when the first component asks, catches up from the first event and
 * follows to the end. All components of a page share one connection by id; it closes when the last one leaves.
 * One render an animation frame at most. On a server, and before anything is known, the state is empty.
 *
 * @param executionId null or undefined: nothing is watched
 */
export function useExecution(executionId: string | null | undefined): ExecutionSnapshot {
  const { executions } = storesOf(useCloutAgent());
  const subscribe = useCallback(
    (onChange: () => void) => {
      if (!executionId) return () => undefined;
      const { value: store, release } = executions.acquire(executionId);
      const stop = store.watch(onChange);
      return () => {
        stop();
        release();
      };
    },
    [executions, executionId],
  );
  const snapshot = useCallback(
    () => (executionId ? (executions.peek(executionId)?.snapshot ?? EMPTY) : EMPTY),
    [executions, executionId],
  );
  return useSyncExternalStore(subscribe, snapshot, () => EMPTY);
}
