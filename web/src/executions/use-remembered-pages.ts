import type { LiveExecutions } from '@cloutagent/react';
import { useEffect, useState } from 'react';
import { entry, remember } from '../routing/entry.js';

/**
 * Remembers in the history entry how many pages of the list are loaded, and loads as many again when the user returns to
 * the entry.
 * @param listKey identifies the list; another list starts with one page
 * @param pageSize rows per page
 */
export function useRememberedPages(list: LiveExecutions, listKey: string, pageSize: number): void {
  const { executions, hasMore, loadingMore, error, loadMore } = list;
  const [goal, setGoal] = useState(() => goalOf(listKey));
  if (goal.listKey !== listKey) setGoal(goalOf(listKey));
  const pages = Math.ceil(executions.length / pageSize);
  const isDue = pages > 0 && pages < goal.pages && hasMore && !error;
  // `executions` is a dependency because a page can arrive before the list has rendered with `loadingMore`. Then only the
  // executions change, and the next page must still be loaded.
  useEffect(() => {
    if (isDue && !loadingMore) void loadMore();
  }, [isDue, loadingMore, loadMore, executions]);
  useEffect(() => {
    if (pages === 0 || isDue) return;
    setGoal({ listKey, pages: 0 });
    if (pages !== (entry().pages ?? 1)) remember({ pages });
  }, [pages, isDue, listKey]);
}

const goalOf = (listKey: string) => ({ listKey, pages: entry().pages ?? 0 });
