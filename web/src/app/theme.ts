import { useSyncExternalStore } from 'react';

type Theme = 'light' | 'dark';

/** public/theme.js reads the same key before the first paint. */
const STORAGE_KEY = 'cloutagent.theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();
const notify = () => {
  for (const listener of listeners) listener();
};
system.addEventListener('change', notify);

const current = (): Theme => {
  const chosen = document.documentElement.dataset['theme'];
  return chosen === 'dark' || chosen === 'light' ? chosen : system.matches ? 'dark' : 'light';
};

export function chooseTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
  try {
    localStorage.setItem(STORAGE_KEY, theme);
  } catch {
    // Storage is blocked. The choice lasts until the page is closed.
  }
  notify();
}

/** Returns the current theme: the chosen one, or the system's. */
export const useTheme = (): Theme =>
  useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, current);
