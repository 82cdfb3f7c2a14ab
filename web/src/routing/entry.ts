/** What an entry of the history remembers of its page. It lives as long as the entry, also across reloads. */
interface Entry {
  /** How far the page was scrolled, in pixels. */
  scroll?: number;
  /** Pages that were loaded of a list. */
  pages?: number;
}

/** Scrolling is written down this long after it, in ms: browsers limit how often an entry may change. */
const SETTLE_MS = 150;
/** A page that has not grown to its place within this time does not jump there any more, in ms. */
const RESTORE_MS = 5_000;

let timer: ReturnType<typeof setTimeout> | undefined;
let stopRestoring: () => void = () => undefined;

export const entry = (): Readonly<Entry> => (history.state as Entry | null) ?? {};

/** Adds to what the present entry remembers. */
export function remember(part: Entry): void {
  history.replaceState({ ...entry(), ...part }, '');
}

/** Writes down where the page stands, before another entry takes its place. */
export function leavePlace(): void {
  clearTimeout(timer);
  stopRestoring();
  remember({ scroll: Math.round(scrollY) });
}

/** Scrolls to where the entry was left, as soon as its page is long enough; a person who scrolls has precedence. */
export function restorePlace(): void {
  clearTimeout(timer);
  stopRestoring();
  const { scroll = 0 } = entry();
  const controller = new AbortController();
  const { signal } = controller;
  const observer = new ResizeObserver(() => {
    if (document.documentElement.scrollHeight < scroll + innerHeight) return;
    scrollTo(0, scroll);
    controller.abort();
  });
  const giveUp = setTimeout(() => controller.abort(), RESTORE_MS);
  signal.addEventListener('abort', () => {
    observer.disconnect();
    clearTimeout(giveUp);
  });
  for (const type of ['wheel', 'touchstart', 'pointerdown', 'keydown'])
    addEventListener(type, () => controller.abort(), { signal, passive: true });
  stopRestoring = () => controller.abort();
  observer.observe(document.body);
}

// The browser's own way knows nothing of what is loaded later.
history.scrollRestoration = 'manual';
addEventListener(
  'scroll',
  () => {
    clearTimeout(timer);
    timer = setTimeout(() => remember({ scroll: Math.round(scrollY) }), SETTLE_MS);
  },
  { passive: true },
);
addEventListener('pagehide', leavePlace);
if (entry().scroll !== undefined) restorePlace();
