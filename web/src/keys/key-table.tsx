import type { ApiKey } from '@cloutagent/client';
import { visibleText } from '@cloutagent/react';
import { Deadline, Moment, useClock } from '../ui/moment.js';
import { PlainText } from '../ui/plain-text.js';
import { StatusBadge } from '../ui/status-badge.js';

/** Returns the state of a key at `now`, in ms since 1970. */
function stateOf({ revokedAt, expiresAt }: ApiKey, now: number): [status: string, label: string] {
  if (revokedAt !== null) return ['cancelled', 'revoked'];
  if (expiresAt !== null && Date.parse(expiresAt) <= now) return ['failed', 'expired'];
  return ['completed', 'active'];
}

export function KeyTable({ keys, onRevoke }: { keys: readonly ApiKey[]; onRevoke: (key: ApiKey) => void }) {
  const now = useClock();
  return (
    <div className="table-frame">
      <table className="table folds">
        <thead>
          <tr>
            <th>Name</th>
            <th>State</th>
            <th>Projects</th>
            <th>Scopes</th>
            <th>Created</th>
            <th>Last used</th>
            <th>Expires</th>
            <th>
              <span className="visually-hidden">Revoke</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => {
            const [status, label] = stateOf(key, now);
            return (
              <tr key={key.id}>
                <td className="wide">
                  <strong className="key-name">
                    <PlainText text={key.name} />
                  </strong>{' '}
                  <code className="muted">{key.prefix}…</code>
                </td>
                <td data-label="State">
                  <StatusBadge status={status} label={label} />
                </td>
                <td data-label="Projects">
                  {key.projects.map((one) => (one === '*' ? 'all' : one)).join(', ')}
                </td>
                <td data-label="Scopes" className="wide">
                  <span className="row key-scopes">
                    {key.scopes.map((scope) => (
                      <span className="tag" key={scope}>
                        {scope}
                      </span>
                    ))}
                  </span>
                  {key.workflows && <PlainText text={`starts only ${key.workflows.join(', ')}`} />}
                </td>
                <td data-label="Created">
                  <Moment at={key.createdAt} />
                </td>
                <td data-label="Last used">
                  {key.lastUsedAt === null ? 'never' : <Moment at={key.lastUsedAt} />}
                </td>
                <td data-label="Expires">
                  {key.expiresAt === null ? 'never' : <Deadline at={key.expiresAt} />}
                </td>
                <td className="end">
                  {label === 'active' && (
                    <button
                      type="button"
                      className="button danger"
                      aria-label={`Revoke ${visibleText(key.name)}`}
                      onClick={() => onRevoke(key)}
                    >
                      Revoke
                    </button>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
