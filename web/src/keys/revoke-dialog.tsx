import type { ApiKey } from '@cloutagent/client';
import { useState } from 'react';
import { useCloutAgent, visibleText } from '@cloutagent/react';
import { Dialog } from '../ui/dialog.js';
import { ProblemNotice } from '../ui/problem-notice.js';

interface Props {
  apiKey: ApiKey;
  onClose: () => void;
  onRevoked: () => void;
}

export function RevokeDialog({ apiKey, onClose, onRevoked }: Props) {
  const api = useCloutAgent();
  const [error, setError] = useState<Error | null>(null);
  const [working, setWorking] = useState(false);
  const revoke = async () => {
    setWorking(true);
    setError(null);
    try {
      await api.keys.revoke(apiKey.id);
      onRevoked();
    } catch (failure) {
      setError(failure as Error);
      setWorking(false);
    }
  };
  return (
    <Dialog title={`Revoke “${visibleText(apiKey.name)}”?`} onClose={onClose}>
      <p>
        Requests with this key will be refused, and its streams end. This cannot be undone. Executions that
        the key started keep running.
      </p>
      {error && <ProblemNotice what="The key was not revoked." error={error} />}
      <div className="row">
        <button type="button" className="button danger" disabled={working} onClick={() => void revoke()}>
          Revoke
        </button>
        <button type="button" className="button" onClick={onClose}>
          Keep key
        </button>
      </div>
    </Dialog>
  );
}
