import type { ExecutionEvent } from '@cloutagent/client';
import { useEffect, useState } from 'react';
import { useLocation } from '../routing/location.js';
import type { EventLog } from './event-log.js';

const SEQUENCE = /^[1-9]\d{0,9}$/;
const MOST_SEQUENCE = 2_147_483_647;

/** The event that the address names (`?event=12`), also where the page does not hold it. */
export function useSelectedEvent(
  log: EventLog,
  events: readonly ExecutionEvent[],
): ExecutionEvent | undefined {
  const named = useLocation().query.get('event') ?? '';
  const sequence = SEQUENCE.test(named) && Number(named) <= MOST_SEQUENCE ? Number(named) : 0;
  const held = events.find((event) => event.sequence === sequence);
  const [found, setFound] = useState<ExecutionEvent>();
  // Those after the latest are still to come; those before the first are asked for.
  const isBefore = held === undefined && sequence > 0 && sequence < (events[0]?.sequence ?? 0);
  useEffect(() => {
    if (!isBefore) return;
    const controller = new AbortController();
    // What fails here is a link to an event: the list of events says what is wrong.
    log.find(sequence, controller.signal).then(setFound, () => undefined);
    return () => controller.abort();
  }, [log, sequence, isBefore]);
  return held ?? (found?.sequence === sequence ? found : undefined);
}
