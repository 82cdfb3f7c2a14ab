import type { ReactNode } from 'react';
import type { ExecutionSnapshot } from '../store/snapshot.js';
import { useNow } from './use-now.js';
import { visibleText } from './visible-text.js';

interface ConnectionNoticeProps extends Pick<ExecutionSnapshot, 'connection' | 'connectionSince'> {
  onReconnect: () => void;
}

/** Shows the state of the connection, and a button to reconnect when it is not open. */
export function ConnectionNotice(props: ConnectionNoticeProps): ReactNode {
  const { connection, connectionSince, onReconnect } = props;
  const now = useNow(connection.status === 'waiting');
  switch (connection.status) {
    case 'open':
      return <Notice state="open">Live</Notice>;
    case 'idle':
      return <Notice state="connecting">Connecting…</Notice>;
    case 'connecting':
      return <Notice state="connecting">{connection.attempt > 1 ? 'Reconnecting…' : 'Connecting…'}</Notice>;
    case 'waiting': {
      const seconds = Math.max(1, Math.ceil((connectionSince + connection.delayMs - now) / 1_000));
      return (
        <Notice state="waiting">
          <bdi>{visibleText(connection.reason)}</bdi> Reconnecting in {seconds} s.{' '}
          <button type="button" className="ca-button ca-small" onClick={onReconnect}>
            Reconnect now
          </button>
        </Notice>
      );
    }
    case 'closed':
      if (connection.reason === 'ended') return <Notice state="ended">All events received</Notice>;
      return (
        <Notice state="refused">
          <bdi>{visibleText(connection.error?.message ?? 'The connection is closed.')}</bdi>{' '}
          <button type="button" className="ca-button ca-small" onClick={onReconnect}>
            Try again
          </button>
        </Notice>
      );
  }
}

function Notice({ state, children }: { state: string; children: ReactNode }): ReactNode {
  return (
    <p className="ca-connection" data-connection={state}>
      {children}
    </p>
  );
}
