import { useSyncExternalStore } from 'react';
import type { Credential } from './credential.js';
import { clearTab, readTab, writeTab } from './tab-storage.js';
import { answerOtherTabs, askOtherTabs, signOutOtherTabs } from './tabs.js';

export interface Session {
  /** null: this tab is not signed in. */
  credential: Credential | null;
  /** Why one has to sign in again. */
  notice: string | null;
  /** Whether other tabs are being asked; nothing is known before. */
  asking: boolean;
}

/** The key is kept by this tab, and never in a URL. */
const NAME = 'session';
/** What is stored when a person signed out here: a page that is loaded again must not sign in by itself. */
const SIGNED_OUT = 'signed out';

const listeners = new Set<() => void>();
let session: Session = begin();

function begin(): Session {
  const text = readTab(NAME);
  const credential = text === null ? null : parse(text);
  return { credential, notice: null, asking: text === null };
}

function parse(text: string): Credential | null {
  try {
    const { key, me } = JSON.parse(text) as Partial<Credential>;
    return key !== undefined && me !== undefined ? { key, me } : null;
  } catch {
    return null;
  }
}

/** @param remembered what the tab finds when it is loaded again */
function set(next: Session, remembered: string | null): void {
  session = next;
  writeTab(NAME, remembered);
  for (const listener of listeners) listener();
}

const end = (notice: string | null, remembered: string | null): void =>
  set({ credential: null, notice, asking: false }, remembered);

export const signIn = (credential: Credential): void =>
  set({ credential, notice: null, asking: false }, JSON.stringify(credential));

/** Ends the session of this key in all tabs, and forgets what was written in this one. */
export function signOut(): void {
  const { credential } = session;
  clearTab();
  end(null, SIGNED_OUT);
  if (credential) signOutOtherTabs(credential.key);
}

/**
 * Ends the session of `key` in this tab, if it is still the present one.
 * @param notice what the sign-in page says of the reason
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
if (session.asking) {
  void askOtherTabs().then((credential) => {
    if (!session.asking) return;
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
