import { Injectable } from '@nestjs/common';
import { SecretRedactor } from '../config/secret-redactor.js';
import { Database } from '../database/database.js';

/** A value of a secret that an execution uses. */
export interface UsedSecret {
  readonly versionId: string;
  readonly name: string;
  readonly value: string;
}

/** Knows which values each execution must not show. */
@Injectable()
export class ExecutionRedactors {
  constructor(
    private readonly database: Database,
    private readonly own: SecretRedactor,
  ) {}

  /**
   * Records that an execution uses values of secrets, durably, before they are sent.
   * @throws Error if another process has claimed the execution
   */
  async use(claim: { executionId: string; attempt: number }, secrets: readonly UsedSecret[]): Promise<void> {
    const { rowCount } = await this.database.pool.query(
      `UPDATE cloutagent.executions
       SET secret_versions = ARRAY (SELECT DISTINCT unnest(secret_versions || $3::uuid[]))
       WHERE id = $1 AND attempt = $2`,
      [claim.executionId, claim.attempt, secrets.map(({ versionId }) => versionId)],
    );
    if (rowCount === 0) throw new Error('another process has claimed the execution');
  }

  /** Returns the redactor of an execution. */
  of(_executionId: string): SecretRedactor {
    return this.own;
  }
}
