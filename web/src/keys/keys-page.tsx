import type { ApiKey, CreatedApiKey } from '@cloutagent/client';
import { useCallback, useState } from 'react';
import { PageTitle } from '../app/page-title.js';
import { useCloutAgent } from '@cloutagent/react';
import { useLoad } from '../session/use-load.js';
import { EmptyState } from '../ui/empty-state.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { CreateKeyForm } from './create-key-form.js';
import { KeyTable } from './key-table.js';
import './keys.css';
import { NewKeyNotice } from './new-key-notice.js';
import { RevokeDialog } from './revoke-dialog.js';

export function KeysPage() {
  const api = useCloutAgent();
  const list = useLoad(useCallback((signal) => api.keys.list({ signal }), [api]));
  const [creating, setCreating] = useState(false);
  const [created, setCreated] = useState<CreatedApiKey | null>(null);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const keys = list.data?.keys;

  return (
    <>
      <div className="page-head">
        <PageTitle title="API keys" />
        {!creating && (
          <button type="button" className="button primary" onClick={() => setCreating(true)}>
            New key
          </button>
        )}
      </div>
      {created && <NewKeyNotice created={created} onClose={() => setCreated(null)} />}
      {creating && (
        <CreateKeyForm
          onCancel={() => setCreating(false)}
          onCreated={(key) => {
            setCreating(false);
            setCreated(key);
            list.reload();
          }}
        />
      )}
      {list.error && (
        <ProblemNotice what="The keys could not be loaded." error={list.error} onRetry={list.reload} />
      )}
      {keys && (
        <section className="card" aria-label="Keys">
          {keys.length === 0 ? (
            <EmptyState title="No keys yet">
              <p>
                A program needs a key to call the API. Give each key only the scopes and projects that it
                needs.
              </p>
            </EmptyState>
          ) : (
            <KeyTable keys={keys} onRevoke={setRevoking} />
          )}
        </section>
      )}
      {!keys && list.loading && <p className="muted">Loading…</p>}
      {revoking && (
        <RevokeDialog
          apiKey={revoking}
          onClose={() => setRevoking(null)}
          onRevoked={() => {
            setRevoking(null);
            list.reload();
          }}
        />
      )}
    </>
  );
}
