import { INBOX_KINDS } from '@cloutagent/contract';

type InboxKind = (typeof INBOX_KINDS)[number];

export interface InboxFilter {
  project: string;
  kinds: readonly InboxKind[];
  /** Only waits that the signed-in principal may answer. */
  mine: boolean;
}

export const KIND_NAMES: Record<InboxKind, string> = {
  approval: 'approvals',
  signal: 'signals',
  tool: 'tool calls',
  failure: 'failures',
};

/** Reads the filter from the query of the address. */
export function inboxFilterOf(query: URLSearchParams): InboxFilter {
  const requested = (query.get('kind') ?? '').split(',');
  return {
    project: query.get('project') ?? '',
    kinds: INBOX_KINDS.filter((kind) => requested.includes(kind)),
    mine: query.get('mine') === 'true',
  };
}

/** Returns the address of the inbox with this filter. */
export function inboxAddressOf({ project, kinds, mine }: InboxFilter): string {
  const query = new URLSearchParams();
  if (project !== '') query.set('project', project);
  if (kinds.length > 0) query.set('kind', kinds.join(','));
  if (mine) query.set('mine', 'true');
  return query.size === 0 ? '/inbox' : `/inbox?${query.toString()}`;
}
