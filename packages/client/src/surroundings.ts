/** What the page or worker tells about the world; nothing where there is neither, as in Node. */
interface Scope {
  addEventListener?: (type: string, listener: () => void) => void;
  removeEventListener?: (type: string, listener: () => void) => void;
  document?: {
    readonly visibilityState: string;
    addEventListener(type: string, listener: () => void): void;
    removeEventListener(type: string, listener: () => void): void;
  };
  navigator?: { readonly onLine?: boolean };
}

// oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- unless the DOM's types are missing
const scope = (): Scope => globalThis as Scope;

/** Whether the browser knows that there is no network. False where nobody knows. */
export const isOffline = (): boolean => scope().navigator?.onLine === false;

/**
 * Calls back when the network returns, and when the page is looked at again: browsers hold back the timers of a
 * hidden page, and a computer that slept has stopped them.
 * @returns stops listening
 */
export function onReturn(callback: (what: 'online' | 'visible') => void): () => void {
  const { addEventListener, removeEventListener, document } = scope();
  const online = (): void => callback('online');
  const visible = (): void => {
    if (document?.visibilityState === 'visible') callback('visible');
  };
  addEventListener?.call(globalThis, 'online', online);
  document?.addEventListener('visibilitychange', visible);
  return () => {
    removeEventListener?.call(globalThis, 'online', online);
    document?.removeEventListener('visibilitychange', visible);
  };
}
