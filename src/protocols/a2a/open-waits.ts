import type { ExecutionEventOf, Json, OpenWait } from '@cloutagent/contract';
import { INBOX_KINDS } from '@cloutagent/contract';
import type { Part } from './a2a-types.js';

/** A wait that a client can end with a message. */
export type ClientWait = Omit<OpenWait, 'since' | 'children'>;

/** Whether a person or another system ends waits of this kind. Timers and child executions end on their own. */
export const isForClient = ({ kind }: { kind: OpenWait['kind'] }): boolean =>
  (INBOX_KINDS as readonly string[]).includes(kind);

/** Describes a wait: a sentence, and what an answer needs to know. */
export function partsOfWait(wait: ExecutionEventOf<'execution:waiting'> | ClientWait): Part[] {
  const { waitId, nodeId, kind, message, schema, signal, assignees, until, toolName, toolArgs, error } = wait;
  const data = { waitId, nodeId, kind, message, schema, signal, assignees, until, toolName, toolArgs, error };
  return [
    { text: message ?? questionOf(wait) },
    {
      // Without the members that the wait does not have.
      data: Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined)) as Json,
      mediaType: 'application/json',
    },
  ];
}

function questionOf({
  kind,
  nodeId,
  signal,
  toolName,
  error,
}: Pick<ClientWait, 'kind' | 'nodeId' | 'signal' | 'toolName' | 'error'>): string {
  switch (kind) {
    case 'approval':
      return `The node ${nodeId} waits for an approval.`;
    case 'signal':
      return `The node ${nodeId} waits for the signal ${signal ?? ''}.`;
    case 'tool':
      return `The node ${nodeId} wants to call the tool ${toolName ?? ''} and waits for an approval.`;
    default:
      return `The node ${nodeId} has failed: ${error ?? 'unknown error'} Retry it, let it fail, or give its output.`;
  }
}
