import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
let navigations = 0;

const notify = () => {
  navigations += 1;
  for (const listener of listeners) listener();
};

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) addEventListener('popstate', notify);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) removeEventListener('popstate', notify);
  };
}

/** Goes to a path of this dashboard, with its query if it has one. */
export function navigate(to: string, { replace = false }: { replace?: boolean } = {}): void {
  history[replace ? 'replaceState' : 'pushState'](null, '', to);
  if (!replace) scrollTo(0, 0);
  notify();
}

/** Whether the present page was reached from within the dashboard, and not by loading it. */
export const wasNavigatedTo = (): boolean => navigations > 0;

/** Path and query of the present page. */
export function useLocation(): { path: string; query: URLSearchParams } {
  const href = useSyncExternalStore(subscribe, () => location.pathname + location.search);
  const [path = '/', query] = href.split('?');
  return { path, query: new URLSearchParams(query) };
}
