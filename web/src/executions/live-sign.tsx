import type { ConnectionState } from '@cloutagent/client';

const WORDS: Record<ConnectionState['status'], [status: string, word: string]> = {
  idle: ['queued', 'Connecting…'],
  connecting: ['queued', 'Connecting…'],
  open: ['completed', 'Live'],
  waiting: ['paused', 'Reconnecting…'],
  closed: ['paused', 'Read every few seconds'],
};

/** Whether the list is up to date by itself. */
export function LiveSign({ connection }: { connection: ConnectionState }) {
  const [status, word] = WORDS[connection.status];
  return (
    <span className="live-sign" data-status={status} role="status">
      <span className="live-dot" aria-hidden="true" />
      {word}
    </span>
  );
}
