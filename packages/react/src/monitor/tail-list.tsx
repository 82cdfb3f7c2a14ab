import { type ReactNode, useState } from 'react';
import { formatCount } from './format.js';

interface TailListProps<T> {
  /** `slice` of an array or a ListView. */
  entries: { readonly length: number; slice(from: number): readonly T[] };
  /** Number of earlier entries that are no longer kept. */
  dropped?: number;
  className?: string;
  children: (entry: T) => ReactNode;
}

/** Entries that are mounted at first. */
const INITIAL_COUNT = 100;
/** Entries that "Show earlier" adds. */
const MORE_COUNT = 1_000;

/** A list that mounts only its last entries, and more on request. */
export function TailList<T>({ entries, dropped = 0, className = '', children }: TailListProps<T>): ReactNode {
  const [shown, setShown] = useState(INITIAL_COUNT);
  const from = Math.max(0, entries.length - shown);
  return (
    <>
      {from > 0 && (
        <button type="button" className="ca-button ca-more" onClick={() => setShown(shown + MORE_COUNT)}>
          Show {formatCount(Math.min(from, MORE_COUNT))} earlier
        </button>
      )}
      {dropped > 0 && from === 0 && (
        <p className="ca-note">Not loaded: {formatCount(dropped)} earlier. The journal has them.</p>
      )}
      <ol className={`ca-list ${className}`}>{entries.slice(from).map(children)}</ol>
    </>
  );
}
