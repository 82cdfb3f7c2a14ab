import type { ExecutionEvent } from '@cloutagent/client';
import { visibleText } from '@cloutagent/react';
import { useMemo, useState } from 'react';
import { useEscape } from '../routing/use-escape.js';
import { counted, dateTime } from '../ui/quantity.js';

/** Characters that are shown at first. The rest is shown on demand, because a browser needs seconds to lay out 1 MB. */
const MAX_INITIAL_CHARACTERS = 20_000;

/** Shows one complete event as JSON text. */
export function EventDetail({ event, onClose }: { event: ExecutionEvent; onClose: () => void }) {
  useEscape(onClose);
  const [showAll, setShowAll] = useState(false);
  const json = useMemo(() => JSON.stringify(event, null, 2), [event]);
  const text = useMemo(() => visibleText(json), [json]);
  const cut = text.length > MAX_INITIAL_CHARACTERS && !showAll;
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
        {cut ? text.slice(0, MAX_INITIAL_CHARACTERS) : text}
      </pre>
      {cut && (
        <button type="button" className="button" onClick={() => setShowAll(true)}>
          Show {counted(text.length - MAX_INITIAL_CHARACTERS, 'more character')}
        </button>
      )}
    </div>
  );
}
