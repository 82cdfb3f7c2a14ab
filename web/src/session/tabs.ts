import { BASE_PATH } from '../routing/base-path.js';
import type { Credential } from './credential.js';

type Message =
  | { type: 'ask' }
  | { type: 'answer'; credential: Credential; usedAt: number }
  | { type: 'signed-out'; key: string };

/** How long to wait for the answers of other tabs, in ms. */
const ANSWERS_MS = 150;

const channel = open();
/** Time of the last user input in this tab, in ms since 1970. */
let usedAt = 0;
for (const type of ['pointerdown', 'keydown'])
  addEventListener(type, () => (usedAt = Date.now()), { capture: true, passive: true });

function open(): BroadcastChannel | null {
  try {
    return new BroadcastChannel(`cloutagent.session${BASE_PATH}`);
  } catch {
    // Storage is blocked, so the tabs cannot exchange messages.
    return null;
  }
}

const post = (message: Message): void => channel?.postMessage(message);

function listen(handler: (message: Message) => void): () => void {
  const receive = ({ data }: MessageEvent<Message>): void => handler(data);
  channel?.addEventListener('message', receive);
  return () => channel?.removeEventListener('message', receive);
}

/**
 * Asks the other tabs of the dashboard for their credential, so that a link opened in a new tab needs no sign-in. The
 * browser delivers the messages only to pages of this origin and does not store them. If tabs have different keys, the
 * most recently used tab wins.
 */
export function askOtherTabs(): Promise<Credential | null> {
  if (!channel) return Promise.resolve(null);
  let best: { credential: Credential | null; usedAt: number } = { credential: null, usedAt: -1 };
  const stop = listen((message) => {
    if (message.type === 'answer' && message.usedAt > best.usedAt) best = message;
  });
  post({ type: 'ask' });
  return new Promise((resolve) => {
    setTimeout(() => {
      stop();
      resolve(best.credential);
    }, ANSWERS_MS);
  });
}

/** Answers other tabs with the result of `current`. Calls `onSignedOut` when another tab ends the session of a key. */
export function answerOtherTabs(current: () => Credential | null, onSignedOut: (key: string) => void): void {
  listen((message) => {
    if (message.type === 'signed-out') onSignedOut(message.key);
    const credential = message.type === 'ask' ? current() : null;
    if (credential) post({ type: 'answer', credential, usedAt });
  });
}

/** Ends the session of `key` in every other tab. */
export const signOutOtherTabs = (key: string): void => post({ type: 'signed-out', key });
