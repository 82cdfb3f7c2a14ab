import type { Scope } from '@cloutagent/contract';

/** Who is calling. */
export interface Principal {
  /** `key:<api key id>` or `jwt:<sub>`; stable across requests, used for quotas and as "by". */
  readonly id: string;
  /** The API key's name. */
  readonly name?: string;
  /** Project ids; `*` stands for all. */
  readonly projects: readonly string[];
  readonly scopes: readonly Scope[];
  /** When the credential ends by itself, ms since the epoch. */
  readonly expiresAt: number | null;
}

/** Whether the project is one of the principal's. */
export const ownsProject = (principal: Principal, projectId: string): boolean =>
  principal.projects.includes('*') || principal.projects.includes(projectId);

/** The API key's id, when the principal came with one. */
export const keyIdOf = (principal: Principal): string | undefined =>
  principal.id.startsWith('key:') ? principal.id.slice('key:'.length) : undefined;

/** The principal that an API key stands for. */
export const principalIdOf = (keyId: string): string => `key:${keyId}`;
