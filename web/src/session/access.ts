import type { CreateApiKey } from '@cloutagent/client';
import { useSession } from './session.js';

export type Scope = CreateApiKey['scopes'][number];

/** What the signed-in key may do. */
export interface Access {
  may: (scope: Scope) => boolean;
  /** Whether every project is open to it. */
  anyProject: boolean;
  /** Its projects, by name. */
  projects: readonly string[];
}

/** Nothing is offered that the server would refuse. */
export function useAccess(): Access {
  const { credential } = useSession();
  const { scopes = [], projects = [] } = credential?.me ?? {};
  return {
    may: (scope) => scopes.includes(scope),
    anyProject: projects.includes('*'),
    projects: projects.filter((project) => project !== '*'),
  };
}
