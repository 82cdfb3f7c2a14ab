import { type NameOf, useCloutAgent } from '@cloutagent/react';
import { useCallback, useMemo } from 'react';
import { useAccess } from '../session/access.js';
import { useSession } from '../session/session.js';
import { useLoad } from '../session/use-load.js';

/** Returns the names of API keys: of the signed-in key, and of all others if the signed-in key may list them. */
export function useNames(): NameOf {
  const api = useCloutAgent();
  const { credential } = useSession();
  const mayList = useAccess().may('keys:manage');
  const keys = useLoad(
    useCallback(
      async (signal: AbortSignal) => (mayList ? (await api.keys.list({ signal })).keys : []),
      [api, mayList],
    ),
  );
  return useMemo(() => {
    const names = new Map(keys.data?.map(({ id, name }) => [`key:${id}`, name]));
    if (credential?.me.name != null) names.set(credential.me.id, credential.me.name);
    return (id) => names.get(id);
  }, [keys.data, credential]);
}
