import { CloutAgentAdmin } from '@cloutagent/client/admin';
import { useCloutAgent } from '@cloutagent/react';
import { useMemo } from 'react';

/** Returns the client of what projects have, with the signed-in key. */
export function useAdmin(): CloutAgentAdmin {
  const client = useCloutAgent();
  return useMemo(() => new CloutAgentAdmin(client), [client]);
}
