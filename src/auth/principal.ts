import type { Scope } from '@cloutagent/contract';

/** The caller of a request. */
export interface Principal {
  /**
   * `key:<api key id>`, `jwt:<iss>:<sub>`, or `<strategy>:<id>` from an authentication strategy. The same for all requests,
   * so quotas count by it and records name it.
   */
  readonly id: string;
  /** The API key's name. */
  readonly name?: string;
  /** Project ids; `*` means all projects. */
  readonly projects: readonly string[];
  readonly scopes: readonly Scope[];
  /** The only saved workflows that it may start, as refs such as `compare@production`; undefined for no such limit. */
  readonly workflows?: readonly string[];
  /** When the credential expires, in ms since the epoch; null for never. */
  readonly expiresAt: number | null;
}

/**
 * Whether the principal has access to the project. Answer other callers with `NotFoundError`, so that they do not learn
 * whether the project exists.
 *
 * @example
 * ```ts
 * if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
 * ```
 */
export const ownsProject = (principal: Principal, projectId: string): boolean =>
  // PostgreSQL stores no U+0000 in texts, so no project has it in its id.
  (principal.projects.includes('*') && !projectId.includes('\0')) || principal.projects.includes(projectId);

/** Whether the name of a ref is one of those to which the principal is limited. True for a principal without such a limit. */
export const mayStartName = ({ workflows }: Principal, ref: string): boolean =>
  workflows === undefined || workflows.some((each) => nameOf(each) === nameOf(ref));

/** Returns the name of a ref such as `compare@production`. */
export const nameOf = (ref: string): string => ref.split('@')[0]!;

/** Returns the id of the principal's API key; undefined if it used another credential. */
export const keyIdOf = (principal: Principal): string | undefined =>
  principal.id.startsWith('key:') ? principal.id.slice('key:'.length) : undefined;

/** Returns the id of the principal of an API key. */
export const principalIdOf = (keyId: string): string => `key:${keyId}`;

/** Identities are stored in the database and the log, where U+0000 and lone surrogates cannot be represented exactly. */
export const isPrintable = (text: string): boolean => text.isWellFormed() && !/\p{Cc}/u.test(text);
