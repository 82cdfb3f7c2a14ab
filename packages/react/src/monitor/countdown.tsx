import type { ReactNode } from 'react';
import { formatDuration } from './format.js';
import { useNow } from './use-now.js';

interface CountdownProps {
  /** An ISO time by the server's clock. */
  until: string;
  /** Server clock minus local clock, in ms. */
  clockOffset: number;
  /** Text before the remaining time: "Expires in". */
  label: string;
  /** Text when the time has passed. */
  passed: string;
}

/** Shows the time that remains, to the second. */
export function Countdown({ until, clockOffset, label, passed }: CountdownProps): ReactNode {
  const now = useNow(true);
  const remaining = Date.parse(until) - now - clockOffset;
  return (
    // Not announced: it changes every second.
    <time dateTime={until} title={new Date(until).toLocaleString()} className="ca-countdown" aria-live="off">
      {remaining > 0 ? `${label} ${formatDuration(Math.ceil(remaining / 1_000) * 1_000)}` : passed}
    </time>
  );
}
