import type { Me } from '@cloutagent/client';
import { useSyncExternalStore } from 'react';
import { clearTab, readTab, writeTab } from './tab-storage.js';
import { answerOtherTabs, askOtherTabs, signOutOtherTabs } from './tabs.js';

/** A key and its permissions. The permissions of a key never change. */
export interface Credential {
  key: string;
  me: Me;
}

export interface Session {
  /** null when this tab is not signed in. */
  credential: Credential | null;
  /** Why the user has to sign in again. */
  notice: string | null;
  /** True while the other tabs are asked for their credential. */
  isLoading: boolean;
}

/** Name under which the tab stores the credential. It is never in a URL. */
const NAME = 'session';
/** Stored after the user has signed out here, so that a reload does not sign in with the credential of another tab. */
const SIGNED_OUT = 'signed out';

const listeners = new Set<() => void>();
let session: Session = restore();

function restore(): Session {
  const text = readTab(NAME);
  const credential = text === null ? null : parse(text);
  return { credential, notice: null, isLoading: text === null };
}

function parse(text: string): Credential | null {
  try {
    const { key, me } = JSON.parse(text) as Partial<Credential>;
    return key !== undefined && me !== undefined ? { key, me } : null;
  } catch {
    return null;
  }
}

/** @param stored what the tab finds after a reload */
function set(next: Session, stored: string | null): void {
  session = next;
  writeTab(NAME, stored);
  for (const listener of listeners) listener();
}

const end = (notice: string | null, stored: string | null): void =>
  set({ credential: null, notice, isLoading: false }, stored);

export const signIn = (credential: Credential): void =>
  set({ credential, notice: null, isLoading: false }, JSON.stringify(credential));

/** Ends the session of this key in all tabs, and deletes this tab's stored data. */
export function signOut(): void {
  const { credential } = session;
  clearTab();
  end(null, SIGNED_OUT);
  if (credential) signOutOtherTabs(credential.key);
}

/**
 * Ends the session in this tab, if it still uses `key`.
 * @param notice the reason, which the sign-in page shows
 */
export function endSession(key: string, notice: string): void {
  if (session.credential?.key === key) end(notice, null);
}

answerOtherTabs(
  () => session.credential,
  (key) => {
    if (session.credential?.key !== key) return;
    clearTab();
    end('You signed out in another tab.', null);
  },
);
if (session.isLoading) {
  void askOtherTabs().then((credential) => {
    if (!session.isLoading) return;
    if (credential) signIn(credential);
    else end(null, null);
  });
}

export const useSession = (): Session =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => session,
  );
