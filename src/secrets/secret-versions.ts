/** The value of a secret that an execution uses. */
export interface UsedSecret {
  readonly versionId: string;
  readonly name: string;
  readonly value: string;
}

/** Reads the values of versions of secrets. A version never changes. */
export abstract class SecretVersions {
  /**
   * Reads versions, also those that were replaced.
   * @returns the versions that exist
   * @throws Error if a value cannot be decrypted
   */
  abstract readVersions(versionIds: readonly string[]): Promise<UsedSecret[]>;
}
