import type { ExecutionEvent } from '@cloutagent/client';
import type { Json } from '@cloutagent/contract';
import { separateFiles } from '@cloutagent/contract/files';
import { PictureList, visibleText } from '@cloutagent/react';
import { useMemo, useState } from 'react';
import { useEscape } from '../routing/use-escape.js';
import { counted, dateTime } from '../ui/quantity.js';

/** Characters that are shown at first. The rest is shown on demand, because a browser needs seconds to lay out 1 MB. */
const MAX_INITIAL_CHARACTERS = 20_000;

/** Shows one complete event as JSON text. Files are shown by type and size; a copy has their data. */
export function EventDetail({ event, onClose }: { event: ExecutionEvent; onClose: () => void }) {
  useEscape(onClose);
  const [showAll, setShowAll] = useState(false);
  const { text, files } = useMemo(() => {
    const { value, files: found } = separateFiles(event as unknown as Json);
    return { text: visibleText(JSON.stringify(value, null, 2)), files: found };
  }, [event]);
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
            onClick={() => void navigator.clipboard?.writeText(JSON.stringify(event, null, 2))}
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
      {files.length > 0 && (
        <div className="ca-monitor">
          <PictureList files={files} label={`event ${event.sequence}`} />
        </div>
      )}
      {cut && (
        <button type="button" className="button" onClick={() => setShowAll(true)}>
          Show {counted(text.length - MAX_INITIAL_CHARACTERS, 'more character')}
        </button>
      )}
    </div>
  );
}
