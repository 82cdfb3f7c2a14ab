import { useSyncExternalStore } from 'react';

/** The key is kept for this tab only, and never in a URL. */
const STORAGE_KEY = 'cloutagent.key';

interface Session {
  /** null: nobody is signed in. */
  key: string | null;
  /** Why one has to sign in again. */
  notice: string | null;
}

const listeners = new Set<() => void>();
let session: Session = { key: stored(), notice: null };

function stored(): string | null {
  try {
    return sessionStorage.getItem(STORAGE_KEY);
  } catch {
    // Storage is refused: the key lives as long as the page.
    return null;
  }
}

function set(next: Session): void {
  session = next;
  try {
    if (next.key === null) sessionStorage.removeItem(STORAGE_KEY);
    else sessionStorage.setItem(STORAGE_KEY, next.key);
  } catch {
    // As above.
  }
  for (const listener of listeners) listener();
}

export const signIn = (key: string): void => set({ key, notice: null });

/** @param notice what the sign-in page says of the reason */
export const signOut = (notice: string | null = null): void => set({ key: null, notice });

/** Ends the session of `key`, if it is still the present one. */
export function endSession(key: string, notice: string): void {
  if (session.key === key) signOut(notice);
}

export const useSession = (): Session =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => session,
  );
