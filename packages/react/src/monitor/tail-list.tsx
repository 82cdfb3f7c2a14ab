import { type ReactNode, useState } from 'react';
import { formatCount } from './format.js';

interface TailListProps<T> {
  /** `slice` of an array or a ListView. */
  entries: { readonly length: number; slice(from: number): readonly T[] };
  /** Entries before the first that are no longer kept. */
  dropped?: number;
  className?: string;
  children: (entry: T) => ReactNode;
}

const SHOWN = 100;
const MORE = 1_000;

/** A list of which only the end is mounted, until more is asked for. */
export function TailList<T>({ entries, dropped = 0, className = '', children }: TailListProps<T>): ReactNode {
  const [shown, setShown] = useState(SHOWN);
  const from = Math.max(0, entries.length - shown);
  return (
    <>
      {from > 0 && (
        <button type="button" className="ca-button ca-more" onClick={() => setShown(shown + MORE)}>
          Show {formatCount(Math.min(from, MORE))} earlier
        </button>
      )}
      {dropped > 0 && from === 0 && (
        <p className="ca-note">Not loaded: {formatCount(dropped)} earlier. The journal has them.</p>
      )}
      <ol className={`ca-list ${className}`}>{entries.slice(from).map(children)}</ol>
    </>
  );
}
