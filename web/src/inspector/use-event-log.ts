import { useCloutAgent, useSSEConnection } from '@cloutagent/react';
import { useEffect, useMemo } from 'react';
import { EventLog } from './event-log.js';

/** The raw events of an execution, over the page's one connection to it. */
export function useEventLog(executionId: string): EventLog {
  const api = useCloutAgent();
  const log = useMemo(() => new EventLog(api, executionId), [api, executionId]);
  useEffect(() => () => log.close(), [log]);
  useSSEConnection(executionId, { event: log.add });
  return log;
}
