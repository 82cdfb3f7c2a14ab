import { useCallback, useEffect, useState } from 'react';

export interface Loaded<T> {
  /** Keeps the previous value while it is loaded again. */
  data: T | undefined;
  error: Error | undefined;
  loading: boolean;
  reload: () => void;
}

/** Calls `load` at first, when `load` changes, and on `reload`. @param load use a stable function (`useCallback`) */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ data?: T; error?: Error; loading: boolean }>({ loading: true });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    setState(({ data }) => ({ ...(data !== undefined && { data }), loading: true }));
    load(controller.signal).then(
      (data) => {
        if (!controller.signal.aborted) setState({ data, loading: false });
      },
      (error: Error) => {
        if (!controller.signal.aborted)
          setState(({ data }) => ({ ...(data !== undefined && { data }), error, loading: false }));
      },
    );
    return () => controller.abort();
  }, [load, round]);
  const reload = useCallback(() => setRound((current) => current + 1), []);
  return { data: state.data, error: state.error, loading: state.loading, reload };
}
