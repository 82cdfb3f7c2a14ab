import { useSyncExternalStore } from 'react';
import { BASE_PATH } from './base-path.js';
import { entry, storeScroll, restoreScroll } from './entry.js';

const listeners = new Set<() => void>();
let navigations = 0;

const notify = () => {
  navigations += 1;
  for (const listener of listeners) listener();
};

const onPopState = () => {
  notify();
  restoreScroll();
};

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) addEventListener('popstate', onPopState);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) removeEventListener('popstate', onPopState);
  };
}

/** Navigates to a path of this dashboard, which may include a query. */
export function navigate(to: string, { replace = false }: { replace?: boolean } = {}): void {
  if (replace) history.replaceState(null, '', BASE_PATH + to);
  else {
    storeScroll();
    history.pushState(null, '', BASE_PATH + to);
    scrollTo(0, 0);
  }
  notify();
}

/** Changes parameters of the query; null removes one. Adds no history entry and keeps the scroll position. */
export function changeQuery(part: Record<string, string | null>): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(part)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  history.replaceState(entry(), '', location.pathname + (text && `?${text}`));
  for (const listener of listeners) listener();
}

/** Whether the current page was reached by a navigation inside the dashboard, and not by loading it. */
export const wasNavigatedTo = (): boolean => navigations > 0;

/** Returns path and query of the current page, without the base path. */
export function useLocation(): { path: string; query: URLSearchParams } {
  const href = useSyncExternalStore(
    subscribe,
    () => location.pathname.slice(BASE_PATH.length) + location.search,
  );
  const [path, query] = href.split('?');
  return { path: path || '/', query: new URLSearchParams(query) };
}
