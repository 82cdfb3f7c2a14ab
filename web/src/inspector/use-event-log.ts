import { useCloutAgent, useSSEConnection } from '@cloutagent/react';
import { useEffect, useMemo } from 'react';
import { EventLog } from './event-log.js';

/** Returns the recorded events of an execution. It shares the page's connection to the execution. */
export function useEventLog(executionId: string): EventLog {
  const api = useCloutAgent();
  const log = useMemo(() => new EventLog(api, executionId), [api, executionId]);
  useEffect(() => () => log.close(), [log]);
  useSSEConnection(executionId, { event: log.add });
  return log;
}
