import type { LiveExecutions } from '@cloutagent/react';
import { useEffect, useState } from 'react';
import { entry, remember } from '../routing/entry.js';

/**
 * Loads as many pages again as the list had when this entry of the history was left.
 * @param of names the list: another one begins anew
 * @param size rows of a page
 */
export function useRememberedPages(list: LiveExecutions, of: string, size: number): void {
  const { executions, hasMore, loadingMore, error, loadMore } = list;
  const [goal, setGoal] = useState(() => goalOf(of));
  if (goal.of !== of) setGoal(goalOf(of));
  const pages = Math.ceil(executions.length / size);
  const isDue = pages > 0 && pages < goal.pages && hasMore && !error;
  useEffect(() => {
    if (isDue && !loadingMore) void loadMore();
  }, [isDue, loadingMore, loadMore]);
  useEffect(() => {
    if (pages === 0 || isDue) return;
    setGoal({ of, pages: 0 });
    if (pages !== (entry().pages ?? 1)) remember({ pages });
  }, [pages, isDue, of]);
}

const goalOf = (of: string) => ({ of, pages: entry().pages ?? 0 });
