import type { CloutAgent } from '@cloutagent/client';
import { createContext, type ReactNode, useContext } from 'react';

const Client = createContext<CloutAgent | undefined>(undefined);

export interface CloutAgentProviderProps {
  /** Create the client once, outside of components: components with the same client share connections. */
  client: CloutAgent;
  children?: ReactNode;
}

/** Provides the client to the hooks and components below it. */
export function CloutAgentProvider({ client, children }: CloutAgentProviderProps): ReactNode {
  // React 18 cannot render `<Client>` itself, only its Provider.
  return <Client.Provider value={client}>{children}</Client.Provider>;
}

/**
 * Returns the client of the nearest `CloutAgentProvider`.
 * @throws Error when there is none
 */
export function useCloutAgent(): CloutAgent {
  const client = useContext(Client);
  if (!client)
    throw new Error(
      'Wrap this component in <CloutAgentProvider client={new CloutAgent({ baseUrl, apiKey })}>.',
    );
  return client;
}
