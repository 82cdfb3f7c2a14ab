import type { ExecutionEvent } from '@cloutagent/client';
import { visibleText } from '@cloutagent/react';
import { useMemo, useState } from 'react';
import { useEscape } from '../routing/use-escape.js';
import { counted, dateTime } from '../ui/quantity.js';

/** Longer ones are shown on demand only: laying out a megabyte takes a browser seconds. */
const MOST_AT_ONCE = 20_000;

/** One event whole, as text. */
export function EventDetail({ event, onClose }: { event: ExecutionEvent; onClose: () => void }) {
  useEscape(onClose);
  const [whole, setWhole] = useState(false);
  const json = useMemo(() => JSON.stringify(event, null, 2), [event]);
  const text = useMemo(() => visibleText(json), [json]);
  const cut = text.length > MOST_AT_ONCE && !whole;
  return (
    <div className="event-detail">
      <div className="card-head">
        <h3>
          Event {event.sequence} <span className="muted">{dateTime(event.timestamp)}</span>
        </h3>
        <span className="row">
          <button
            type="button"
            className="button quiet"
            onClick={() => void navigator.clipboard?.writeText(json)}
          >
            Copy
          </button>
          <button type="button" className="button quiet" onClick={onClose}>
            Close
          </button>
        </span>
      </div>
      <pre tabIndex={0} aria-label={`Event ${event.sequence} as JSON`}>
        {cut ? text.slice(0, MOST_AT_ONCE) : text}
      </pre>
      {cut && (
        <button type="button" className="button" onClick={() => setWhole(true)}>
          Show the other {counted(text.length - MOST_AT_ONCE, 'character')}
        </button>
      )}
    </div>
  );
}
