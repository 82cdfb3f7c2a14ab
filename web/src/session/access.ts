import type { CreateApiKey } from '@cloutagent/client';
import { useSession } from './session.js';

export type Scope = CreateApiKey['scopes'][number];

/** Permissions of the signed-in key. */
export interface Access {
  may: (scope: Scope) => boolean;
  scopes: readonly Scope[];
  /** Whether the key has access to every project. */
  anyProject: boolean;
  /** Ids of the key's projects, without `*`. */
  projects: readonly string[];
}

/** Returns the permissions of the signed-in key, so that the dashboard offers only what the server allows. */
export function useAccess(): Access {
  const { credential } = useSession();
  const { scopes = [], projects = [] } = credential?.me ?? {};
  return {
    may: (scope) => scopes.includes(scope),
    scopes,
    anyProject: projects.includes('*'),
    projects: projects.filter((project) => project !== '*'),
  };
}
