/** Reads the secrets of projects, for triggers. */
export interface TriggerSecrets {
  /** @returns the present value of a secret; undefined if the project has no secret of that name */
  find(projectId: string, name: string): Promise<string | undefined>;
}
/** Injection token. */
export const TriggerSecrets = Symbol('TriggerSecrets');
