/** State that a history entry remembers of its page. It lives as long as the entry, also across reloads. */
interface Entry {
  /** Scroll position of the page, in px. */
  scroll?: number;
  /** Number of loaded pages of a list. */
  pages?: number;
}

/** Time without scrolling after which the position is stored, in ms. Browsers limit how often an entry may change. */
const SETTLE_MS = 150;
/** Time within which a page can grow until its scroll position can be restored, in ms. After it the page stays at the top. */
const RESTORE_MS = 30_000;
/** Time after the restoring during which changes of the layout must not move the page, in ms. */
const HOLD_MS = 1_000;

let timer: ReturnType<typeof setTimeout> | undefined;
let stopRestoring: () => void = () => undefined;

export const entry = (): Readonly<Entry> => (history.state as Entry | null) ?? {};

/** Adds to the state of the current entry. */
export function remember(part: Entry): void {
  history.replaceState({ ...entry(), ...part }, '');
}

/** Stores the scroll position in the current entry. Call it before another entry replaces it. */
export function storeScroll(): void {
  clearTimeout(timer);
  stopRestoring();
  remember({ scroll: Math.round(scrollY) });
}

/** Restores the entry's scroll position as soon as the page is long enough. Input of the user stops the restoring. */
export function restoreScroll(): void {
  clearTimeout(timer);
  stopRestoring();
  const { scroll = 0 } = entry();
  const controller = new AbortController();
  const { signal } = controller;
  const stop = (): void => controller.abort();
  let held: ReturnType<typeof setTimeout> | undefined;
  const observer = new ResizeObserver(() => {
    if (document.documentElement.scrollHeight < scroll + innerHeight) return;
    scrollTo(0, scroll);
    // Chromium lays out a table with new rows twice. The second layout moves the rows by a pixel, and the scroll position
    // with them (scroll anchoring). Without this hold every return to the page would move it by one more pixel.
    held ??= setTimeout(stop, HOLD_MS);
  });
  const giveUp = setTimeout(stop, RESTORE_MS);
  signal.addEventListener('abort', () => {
    observer.disconnect();
    clearTimeout(giveUp);
    clearTimeout(held);
  });
  for (const type of ['wheel', 'touchstart', 'pointerdown', 'keydown'])
    addEventListener(type, stop, { signal, passive: true });
  stopRestoring = stop;
  observer.observe(document.body);
}

// The browser would restore the position before the rows of a list are loaded.
history.scrollRestoration = 'manual';
addEventListener(
  'scroll',
  () => {
    clearTimeout(timer);
    timer = setTimeout(() => remember({ scroll: Math.round(scrollY) }), SETTLE_MS);
  },
  { passive: true },
);
addEventListener('pagehide', storeScroll);
if (entry().scroll !== undefined) restoreScroll();
