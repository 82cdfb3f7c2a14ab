import type { ExecutionEvent } from '@cloutagent/client';
import type { NameOf } from '@cloutagent/react';
import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import { timeOfDay } from '../ui/quantity.js';
import { nodeOf, summaryOf } from './event-summary.js';

const ROW_HEIGHT = 26;
/** Rows that are mounted above and below the visible ones. */
const OVERSCAN = 12;
/** Distance to the top or bottom that counts as being there, in px. */
const NEAR = ROW_HEIGHT * 4;

interface Props {
  events: readonly ExecutionEvent[];
  selected: number | null;
  nameOf: NameOf;
  onSelect: (sequence: number) => void;
  onReachTop: () => void;
}

/** A virtual list of events: only the visible rows are mounted. At the bottom it follows new events. */
export function EventRows({ events, selected, nameOf, onSelect, onReachTop }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(320);
  const follows = useRef(true);
  const firstBefore = useRef<number | undefined>(undefined);
  const id = useId();

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const before = firstBefore.current;
    firstBefore.current = events[0]?.sequence;
    if (follows.current) element.scrollTop = element.scrollHeight;
    else if (before !== undefined) {
      // Older events were added above. Keep the visible rows in place.
      const added = events.findIndex(({ sequence }) => sequence === before);
      if (added > 0) element.scrollTop += added * ROW_HEIGHT;
    }
  }, [events]);

  const onScroll = (element: HTMLDivElement) => {
    setTop(element.scrollTop);
    follows.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
    if (element.scrollTop < NEAR && !follows.current) onReachTop();
  };

  const select = (index: number) => {
    const event = events[Math.min(Math.max(index, 0), events.length - 1)];
    if (!event || !frame.current) return;
    const at = events.indexOf(event) * ROW_HEIGHT;
    const { scrollTop, clientHeight } = frame.current;
    if (at < scrollTop) frame.current.scrollTop = at;
    if (at + ROW_HEIGHT > scrollTop + clientHeight) frame.current.scrollTop = at + ROW_HEIGHT - clientHeight;
    onSelect(event.sequence);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const now = events.findIndex(({ sequence }) => sequence === selected);
    const page = Math.max(1, Math.floor(height / ROW_HEIGHT) - 1);
    const to: Record<string, number> = {
      ArrowDown: now + 1,
      ArrowUp: now === -1 ? events.length - 1 : now - 1,
      PageDown: now + page,
      PageUp: now - page,
      Home: 0,
      End: events.length - 1,
    };
    const index = to[event.key];
    if (index === undefined) return;
    event.preventDefault();
    select(index);
  };

  const from = Math.max(0, Math.floor(top / ROW_HEIGHT) - OVERSCAN);
  const shown = events.slice(from, from + Math.ceil(height / ROW_HEIGHT) + 2 * OVERSCAN);
  const active = shown.some(({ sequence }) => sequence === selected) ? `${id}-${selected}` : undefined;
  return (
    <div
      className="event-rows"
      ref={frame}
      role="listbox"
      aria-label="Events"
      aria-activedescendant={active}
      tabIndex={0}
      onScroll={(event) => onScroll(event.currentTarget)}
      onKeyDown={onKeyDown}
    >
      <div className="event-rows-all" role="presentation" style={{ height: events.length * ROW_HEIGHT }}>
        {shown.map((event, index) => (
          <div
            key={event.sequence}
            id={`${id}-${event.sequence}`}
            role="option"
            aria-selected={event.sequence === selected}
            aria-setsize={events.length}
            aria-posinset={from + index + 1}
            className="event-row"
            style={{ top: (from + index) * ROW_HEIGHT }}
            onClick={() => onSelect(event.sequence)}
          >
            <span className="event-sequence numeric">{event.sequence}</span>
            <span className="event-time numeric">{timeOfDay(event.timestamp)}</span>
            <span className="event-type">{event.type.slice('execution:'.length)}</span>
            <span className="event-node">{nodeOf(event)}</span>
            <bdi className="event-text">{summaryOf(event, nameOf)}</bdi>
          </div>
        ))}
      </div>
    </div>
  );
}
