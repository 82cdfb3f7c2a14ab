import { useCallback, useSyncExternalStore } from 'react';
import { useCloutAgent } from './provider.js';
import { EMPTY, type ExecutionSnapshot } from './store/snapshot.js';
import { storesOf } from './store/stores.js';

/**
 * Returns the live state of an execution. It connects when the first component uses it, reads all events from the first,
 * and follows the execution to its end. All components of a page share one connection per execution, which closes when
 * the last component is unmounted. It renders at most once per animation frame. During server rendering, and before the
 * first event, the state is empty.
 *
 * @param executionId null or undefined to watch nothing
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
