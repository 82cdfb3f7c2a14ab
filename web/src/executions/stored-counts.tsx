import { useCallback, useEffect } from 'react';
import { useAdmin } from '../projects/use-admin.js';
import { useLoad } from '../session/use-load.js';
import { StatusIcon } from '../ui/status-icon.js';
import { count } from '../ui/quantity.js';
import { STATUSES } from './execution-filter.js';

const REFRESH_MS = 15_000;
/** The figures of this range come with the numbers. A short one is quick to compute. */
const RANGE_MS = 60_000;

/** How many executions of a project the server stores, by status, without child executions. */
export function StoredCounts({ project }: { project: string }) {
  const admin = useAdmin();
  const { data, reload } = useLoad(
    useCallback(
      (signal) => admin.stats(project, { from: new Date(Date.now() - RANGE_MS).toISOString() }, { signal }),
      [admin, project],
    ),
  );
  useEffect(() => {
    const timer = setInterval(reload, REFRESH_MS);
    return () => clearInterval(timer);
  }, [reload]);
  const stored = data?.projectId === project ? data.stored : {};
  const found = STATUSES.filter((status) => stored[status] !== undefined);
  if (found.length === 0) return null;
  return (
    <ul className="stored-counts muted numeric" aria-label={`Stored executions of ${project}`}>
      {found.map((status) => (
        <li key={status} data-status={status}>
          <StatusIcon status={status} /> {count(stored[status]!)} {status}
        </li>
      ))}
    </ul>
  );
}
