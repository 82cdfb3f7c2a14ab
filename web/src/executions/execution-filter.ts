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
  'waiting',
  'paused',
  'completed',
  'failed',
  'cancelled',
];

export const isStatus = (word: string): word is ExecutionStatus =>
  (STATUSES as readonly string[]).includes(word);

/** Reads the filter from the query of the address. It is in the address so that a filtered list can be linked to. */
export function filterOf(query: URLSearchParams): ExecutionFilter {
  const requested = (query.get('status') ?? '').split(',');
  return {
    project: query.get('project') ?? '',
    status: STATUSES.filter((status) => requested.includes(status)),
    tag: query.get('tag') ?? '',
  };
}

/** Returns what is wrong with a project id that the server would refuse; undefined if it is none or may exist. */
export const projectProblem = (project: string): string | undefined =>
  project === '' || (NAME.test(project) && project.length <= NAME_MAX_LENGTH)
    ? undefined
    : `A project id has up to ${NAME_MAX_LENGTH} letters, digits and . _ : - and starts with a letter or digit.`;

/** Returns the fields of a filter that the server would refuse, each with its problem. */
export function problemsOf({ project, tag }: ExecutionFilter): { project?: string; tag?: string } {
  const ofProject = projectProblem(project);
  return {
    ...(ofProject !== undefined && { project: ofProject }),
    ...(tag.length > TAG_MAX_LENGTH && { tag: `A tag has at most ${TAG_MAX_LENGTH} characters.` }),
    ...(tag.includes('\0') && { tag: 'A tag cannot contain the character U+0000.' }),
  };
}

/** Returns the address of the list with this filter. */
export function addressOf({ project, status, tag }: ExecutionFilter): string {
  const query = new URLSearchParams();
  if (project !== '') query.set('project', project);
  if (status.length > 0) query.set('status', status.join(','));
  if (tag !== '') query.set('tag', tag);
  return query.size === 0 ? '/executions' : `/executions?${query.toString()}`;
}

export const isEmpty = ({ project, status, tag }: ExecutionFilter): boolean =>
  project === '' && status.length === 0 && tag === '';
