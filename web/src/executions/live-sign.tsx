import type { ConnectionState } from '@cloutagent/client';

const LABELS: Record<ConnectionState['status'], [status: string, label: string]> = {
  idle: ['queued', 'Connecting…'],
  connecting: ['queued', 'Connecting…'],
  open: ['completed', 'Live'],
  waiting: ['paused', 'Reconnecting…'],
  closed: ['paused', 'Updated every few seconds'],
};

/** Shows whether the list is live. */
export function LiveSign({ connection }: { connection: ConnectionState }) {
  const [status, label] = LABELS[connection.status];
  return (
    <span className="live-sign" data-status={status} role="status">
      <span className="live-dot" aria-hidden="true" />
      {label}
    </span>
  );
}
