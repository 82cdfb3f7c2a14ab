import { useEffect } from 'react';

/** What Escape closes, in the order it was opened. */
const open: (() => void)[] = [];

function press(event: KeyboardEvent): void {
  if (event.key !== 'Escape' || event.defaultPrevented) return;
  // There Escape has a meaning already: it clears a search, closes a list or a dialog.
  if (event.target instanceof HTMLElement && event.target.closest('input, textarea, select, dialog')) return;
  open.at(-1)?.();
}

/** Calls `close` when Escape is pressed, while nothing that was opened later is there to be closed. */
export function useEscape(close: () => void): void {
  useEffect(() => {
    if (open.length === 0) addEventListener('keydown', press);
    open.push(close);
    return () => {
      open.splice(open.indexOf(close), 1);
      if (open.length === 0) removeEventListener('keydown', press);
    };
  }, [close]);
}
