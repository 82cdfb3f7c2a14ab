import type { ExecutionEvent } from '@cloutagent/client';
import { useEffect, useState } from 'react';
import { useLocation } from '../routing/location.js';
import type { EventLog } from './event-log.js';

const SEQUENCE = /^[1-9]\d{0,9}$/;
const MAX_SEQUENCE = 2_147_483_647;

/** Returns the event that the address selects (`?event=12`). Reads it from the server if it is not in `events`. */
export function useSelectedEvent(
  log: EventLog,
  events: readonly ExecutionEvent[],
): ExecutionEvent | undefined {
  const parameter = useLocation().query.get('event') ?? '';
  const sequence = SEQUENCE.test(parameter) && Number(parameter) <= MAX_SEQUENCE ? Number(parameter) : 0;
  const held = events.find((event) => event.sequence === sequence);
  const [found, setFound] = useState<ExecutionEvent>();
  // Only events before the first one are requested. Events after the latest one will arrive over the stream.
  const isBefore = held === undefined && sequence > 0 && sequence < (events[0]?.sequence ?? 0);
  useEffect(() => {
    if (!isBefore) return;
    const controller = new AbortController();
    // An error is ignored here, because the list of events shows it.
    log.find(sequence, controller.signal).then(setFound, () => undefined);
    return () => controller.abort();
  }, [log, sequence, isBefore]);
  return held ?? (found?.sequence === sequence ? found : undefined);
}
