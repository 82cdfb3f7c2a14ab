import type { CloutAgent } from '@cloutagent/client';
import { createContext, type ReactNode, useContext } from 'react';

const Client = createContext<CloutAgent | undefined>(undefined);

export interface CloutAgentProviderProps {
  /** Make it once, outside of components: connections are shared by client. */
  client: CloutAgent;
  children?: ReactNode;
}

/** Gives the hooks and components below it the client to use. */
export function CloutAgentProvider({ client, children }: CloutAgentProviderProps): ReactNode {
  // React 18 renders a context only by its Provider.
  return <Client.Provider value={client}>{children}</Client.Provider>;
}

/**
 * The client of the nearest `CloutAgentProvider`.
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
