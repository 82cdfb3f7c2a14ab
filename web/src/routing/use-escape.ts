import { useEffect } from 'react';

/** Functions that Escape calls, in the order in which the parts were opened. */
const open: (() => void)[] = [];

function onKeyDown(event: KeyboardEvent): void {
  if (event.key !== 'Escape' || event.defaultPrevented) return;
  // Escape already has a meaning in these elements: it clears a search, or closes a list or a dialog.
  if (event.target instanceof HTMLElement && event.target.closest('input, textarea, select, dialog')) return;
  open.at(-1)?.();
}

/** Calls `close` when Escape is pressed and no part that was opened later is still open. */
export function useEscape(close: () => void): void {
  useEffect(() => {
    if (open.length === 0) addEventListener('keydown', onKeyDown);
    open.push(close);
    return () => {
      open.splice(open.indexOf(close), 1);
      if (open.length === 0) removeEventListener('keydown', onKeyDown);
    };
  }, [close]);
}
