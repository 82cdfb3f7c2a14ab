/** The parts of a page's or worker's global object that are used here. Node has none of them. */
interface GlobalScope {
  addEventListener?: (type: string, listener: () => void) => void;
  removeEventListener?: (type: string, listener: () => void) => void;
  document?: {
    readonly visibilityState: string;
    addEventListener(type: string, listener: () => void): void;
    removeEventListener(type: string, listener: () => void): void;
  };
  navigator?: { readonly onLine?: boolean };
}

const scope = (): GlobalScope => globalThis as GlobalScope;

/** Whether the browser reports that there is no network. False where this is unknown, as in Node. */
export const isOffline = (): boolean => scope().navigator?.onLine === false;

/**
 * Calls back when the network returns, and when the page becomes visible again. Timers can be late then: browsers
 * throttle the timers of a hidden page, and they stop while a computer sleeps.
 * @returns a function that stops listening
 */
export function onReturn(callback: (event: 'online' | 'visible') => void): () => void {
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
