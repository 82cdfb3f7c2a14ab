import type { EventType } from '@cloutagent/client';
import { useDeferredValue, useId, useMemo, useState, useSyncExternalStore } from 'react';
import type { NameOf } from '@cloutagent/react';
import { changeQuery } from '../routing/location.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { count, counted } from '../ui/quantity.js';
import { EventDetail } from './event-detail.js';
import type { EventLog } from './event-log.js';
import { filterEvents } from './event-filter.js';
import { EventRows } from './event-rows.js';
import { useSelectedEvent } from './use-selected-event.js';
import './inspector.css';

const select = (sequence: number): void => changeQuery({ event: String(sequence) });
const deselect = (): void => changeQuery({ event: null });

/** Lists the recorded events, with search and filter by type. */
export function EventInspector({ log, nameOf }: { log: EventLog; nameOf: NameOf }) {
  const { events, older, full, loading, error } = useSyncExternalStore(log.subscribe, log.getState);
  const [types, setTypes] = useState<ReadonlySet<EventType>>(new Set());
  const [search, setSearch] = useState('');
  const event = useSelectedEvent(log, events);
  const selected = event?.sequence ?? null;
  const query = useDeferredValue(search);
  const id = useId();
  const shown = useMemo(() => filterEvents(events, types, query), [events, types, query]);
  const present = useMemo(() => [...new Set(events.map(({ type }) => type))].sort(), [events]);
  const filtered = types.size > 0 || query.trim() !== '';

  const toggle = (type: EventType) => {
    const next = new Set(types);
    if (!next.delete(type)) next.add(type);
    setTypes(next);
  };

  return (
    <div className="inspector">
      <div className="inspector-tools">
        <label className="visually-hidden" htmlFor={id}>
          Search events
        </label>
        <input
          id={id}
          type="search"
          className="input"
          placeholder="Search in events"
          value={search}
          onChange={(change) => setSearch(change.target.value)}
        />
        <div className="inspector-types" role="group" aria-label="Show only these types">
          {present.map((type) => (
            <button
              key={type}
              type="button"
              className="chip"
              aria-pressed={types.has(type)}
              onClick={() => toggle(type)}
            >
              {type.slice('execution:'.length)}
            </button>
          ))}
        </div>
      </div>
      <div className="inspector-status">
        <span className="muted numeric">
          {filtered
            ? `${count(shown.length)} of ${counted(events.length, 'event')}`
            : counted(events.length, 'event')}
          {older > 0 && `, ${count(older)} older not loaded`}
        </span>
        {older > 0 && !full && (
          <button
            type="button"
            className="button quiet"
            disabled={loading}
            onClick={() => void log.loadOlder(types.size > 0 ? [...types] : undefined)}
          >
            {loading ? 'Loading…' : 'Load older'}
          </button>
        )}
        {older > 0 && full && (
          <span className="muted">This page cannot hold more events. The API returns all of them.</span>
        )}
      </div>
      {error && (
        <ProblemNotice
          what="Some events could not be loaded."
          error={error}
          onRetry={() => void log.loadOlder()}
        />
      )}
      {shown.length === 0 ? (
        <p className="empty muted">
          {filtered ? 'No loaded event matches. Load older events, or change the search.' : 'No events yet.'}
        </p>
      ) : (
        <EventRows
          events={shown}
          selected={selected}
          nameOf={nameOf}
          onSelect={select}
          onReachTop={() => void log.loadOlder(types.size > 0 ? [...types] : undefined)}
        />
      )}
      {event && <EventDetail key={event.sequence} event={event} onClose={deselect} />}
    </div>
  );
}
