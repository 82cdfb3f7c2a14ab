import { useCallback, useEffect, useRef, useState } from 'react';

export interface Action {
  /** The server has not answered yet. */
  working: boolean;
  /** Why the last action failed. The next one clears it. */
  error: Error | undefined;
  /** Runs `work`. Resolves to whether it succeeded; never rejects. */
  run: (work: () => Promise<unknown>) => Promise<boolean>;
  /** Forgets the error. */
  clear: () => void;
}

/** Runs requests of buttons and forms, one at a time. */
export function useAction(): Action {
  const [state, setState] = useState<{ working: boolean; error: Error | undefined }>(IDLE);
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  const run = useCallback(async (work: () => Promise<unknown>) => {
    setState({ working: true, error: undefined });
    try {
      await work();
      if (mounted.current) setState(IDLE);
      return true;
    } catch (error) {
      if (mounted.current) setState({ working: false, error: error as Error });
      return false;
    }
  }, []);
  const clear = useCallback(
    () => setState((current) => (current.error ? { ...current, error: undefined } : current)),
    [],
  );
  return { ...state, run, clear };
}

const IDLE = { working: false, error: undefined };
