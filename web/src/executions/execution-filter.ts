import type { ExecutionStatus } from '@cloutagent/client';
import { NAME, NAME_MAX_LENGTH, TAG_MAX_LENGTH } from '@cloutagent/contract';

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

export const isStatus = (word: string): word is ExecutionStatus =>
  (STATUSES as readonly string[]).includes(word);

/** The filter of an address; it is there so that it can be linked to. */
export function filterOf(query: URLSearchParams): ExecutionFilter {
  const named = (query.get('status') ?? '').split(',');
  return {
    project: query.get('project') ?? '',
    status: STATUSES.filter((status) => named.includes(status)),
    tag: query.get('tag') ?? '',
  };
}

/** What the server would refuse of a filter, by field. */
export function problemsOf({ project, tag }: ExecutionFilter): { project?: string; tag?: string } {
  const isName = project === '' || (NAME.test(project) && project.length <= NAME_MAX_LENGTH);
  return {
    ...(!isName && {
      project: `A project id takes letters, digits and . _ : -, up to ${NAME_MAX_LENGTH}, and starts with a letter or digit.`,
    }),
    ...(tag.length > TAG_MAX_LENGTH && { tag: `A tag has at most ${TAG_MAX_LENGTH} characters.` }),
    ...(tag.includes('\0') && { tag: 'A tag cannot have this character.' }),
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
