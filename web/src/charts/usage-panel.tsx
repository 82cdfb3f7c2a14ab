import type { ExecutionSnapshot } from '@cloutagent/react';
import { useSyncExternalStore } from 'react';
import type { EventLog } from '../inspector/event-log.js';
import { UsageCharts } from './usage-charts.js';

/** Shows the charts of an execution, from its start to its end or to its latest event. */
export function UsagePanel({ log, snapshot }: { log: EventLog; snapshot: ExecutionSnapshot }) {
  const { events, history } = useSyncExternalStore(log.subscribe, log.getState);
  const to = Date.parse(snapshot.endedAt ?? events.at(-1)?.timestamp ?? '') || 0;
  const from = Date.parse(snapshot.startedAt ?? '') || to;
  return <UsageCharts history={history} from={from} to={to} priceUnknown={snapshot.costUSD === null} />;
}
