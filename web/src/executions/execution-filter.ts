import type { ExecutionStatus } from '@cloutagent/client';

export interface ExecutionFilter {
  project: string;
  status: readonly ExecutionStatus[];
  tag: string;
}

export const STATUSES: readonly ExecutionStatus[] = [
  'queued',
  'running',
  'paused',
  'completed',
  'failed',
  'cancelled',
];

/** The filter of an address; it is there so that it can be linked to. */
export function filterOf(query: URLSearchParams): ExecutionFilter {
  const named = (query.get('status') ?? '').split(',');
  return {
    project: query.get('project') ?? '',
    status: STATUSES.filter((status) => named.includes(status)),
    tag: query.get('tag') ?? '',
  };
}

/** The address of the list with this filter. */
export function addressOf({ project, status, tag }: ExecutionFilter): string {
  const query = new URLSearchParams();
  if (project !== '') query.set('project', project);
  if (status.length > 0) query.set('status', status.join(','));
  if (tag !== '') query.set('tag', tag);
  return query.size === 0 ? '/executions' : `/executions?${query.toString()}`;
}

export const isEmpty = ({ project, status, tag }: ExecutionFilter): boolean =>
  project === '' && status.length === 0 && tag === '';
