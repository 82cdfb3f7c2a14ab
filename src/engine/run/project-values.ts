import { Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { ExecutionRedactors, type UsedSecret } from '../../secrets/execution-redactors.js';
import { CipherError } from '../../secrets/secret-cipher.js';
import { type FoundSecret, SecretStore } from '../../secrets/secret-store.js';
import { VariableStore } from '../../secrets/variable-store.js';
import { NodeError } from '../extension/node-handler.js';

/** Reads the variables and secrets of projects for executions. */
@Injectable()
export class ProjectValues {
  constructor(
    private readonly variableStore: VariableStore,
    private readonly secretStore: SecretStore,
    private readonly redactors: ExecutionRedactors,
  ) {}

  /** Reads variables by name. Names of none are left out. */
  async variables(projectId: string, names: readonly string[]): Promise<Record<string, Json>> {
    return Object.fromEntries(await this.variableStore.find(projectId, names));
  }

  /**
   * Reads the values in force of secrets, by name. Names of none are left out.
   * @throws NodeError `secrets_unavailable`
   */
  async secrets(projectId: string, names: readonly string[]): Promise<Map<string, FoundSecret>> {
    try {
      const found = await this.secretStore.find(projectId, names);
      return new Map(found.map((secret) => [secret.name, secret]));
    } catch (error) {
      if (!(error instanceof CipherError)) throw error;
      throw new NodeError('secrets_unavailable', `A secret cannot be decrypted: ${error.message}.`, {
        cause: error,
      });
    }
  }

  /** Makes an execution redact secrets from now on. Call it before they are sent. */
  use(claim: { executionId: string; attempt: number }, secrets: readonly UsedSecret[]): Promise<void> {
    return this.redactors.use(claim, secrets);
  }
}
