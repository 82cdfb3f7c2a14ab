import { Inject, Injectable, Optional } from '@nestjs/common';
import { REDACTED } from '../config/cover.js';
import { SecretRedactor } from '../config/secret-redactor.js';
import { type Form, formsOf } from '../config/secret-forms.js';
import { BatchedLookup } from '../database/batched-lookup.js';
import { isOpen } from '../database/is-open.js';
import { Database } from '../database/database.js';
import { ProcessIdentity } from '../database/process-identity.js';
import { ProblemError } from '../problems/problem.error.js';
import { CipherError } from './secret-cipher.js';

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
   * @returns the versions that exist; an error for each that cannot be decrypted
   */
  abstract readVersions(versionIds: readonly string[]): Promise<Map<string, UsedSecret | Error>>;
}

/** An execution under the claim of one owner. */
interface Claim {
  readonly executionId: string;
  readonly attempt: number;
}

/** What an execution that this process owns has used. */
interface Used {
  /** The newest claim of this process. */
  attempt: number;
  readonly redactor: SecretRedactor;
  /** Ids of the versions that the row of the execution has. */
  readonly recorded: Set<string>;
}

const RECORD = `
  UPDATE cloutagent.executions
  SET secret_versions = ARRAY(SELECT DISTINCT id FROM unnest(secret_versions || $4::uuid[]) AS id ORDER BY id)
  WHERE id = $1 AND owner = $2 AND attempt = $3 AND ${isOpen()}`;

/** A part of a value is not redacted if it is a part of the text that replaces secrets. */
const isRedactable = (value: string): boolean => !REDACTED.includes(value);

/** A value as it was set, without white space at its ends, which many programs remove, and with the other line ends. */
const variantsOf = (value: string): string[] => [
  ...new Set([
    value,
    value.trim(),
    ...(value.includes('\n') ? [value.replaceAll('\r\n', '\n'), value.replace(/\r?\n/g, '\r\n')] : []),
  ]),
];

/**
 * Knows which secrets of projects each execution has used, so that their values are replaced in all that it records. The row
 * of an execution has the ids of their versions, so a later owner redacts the same values, also those that were replaced
 * since. An execution that has used none costs nothing.
 */
@Injectable()
export class ExecutionRedactors {
  private readonly executions = new Map<string, Used>();
  /** The forms of each value that this process has read, by the value. They are kept, because its logs may have it later. */
  private readonly formsByValue = new Map<string, readonly Form[]>();
  private readonly formsByVersion = new Map<string, readonly Form[]>();
  private readonly versionOf = new BatchedLookup((ids) => this.readVersions(ids));

  constructor(
    private readonly server: SecretRedactor,
    @Optional() private readonly database?: Database,
    @Optional() private readonly identity?: ProcessIdentity,
    @Optional() @Inject(SecretVersions) private readonly store?: SecretVersions,
  ) {}

  /**
   * Records that an execution uses values of secrets. Call it before a value is sent. From the call on, the values are
   * replaced in all that the execution records, and in the logs of this process.
   * @returns a promise that resolves when the row of the execution has the versions
   * @throws Error if this process no longer owns the execution under this claim: do not send the values then
   */
  async use({ executionId, attempt }: Claim, secrets: readonly UsedSecret[]): Promise<void> {
    const { redactor, recorded } = this.used(executionId, attempt);
    const ids = secrets.map(({ versionId }) => versionId).filter((id) => !recorded.has(id));
    if (ids.length === 0) return;
    if (!this.database || !this.identity)
      throw new Error('this application has no database, so it runs no executions');
    for (const secret of secrets) redactor.addForms(this.learn(secret));
    const { rowCount } = await this.database.pool.query({
      name: 'execution-secrets-record',
      text: RECORD,
      values: [executionId, this.identity.value, attempt, ids],
    });
    if (rowCount === 0) throw new Error('this process no longer owns the execution, so it sends no secret');
    for (const id of ids) recorded.add(id);
  }

  /** Returns the redactor of an execution: of the server's own secrets, and of those that the execution has used. */
  of(executionId: string): SecretRedactor {
    return this.executions.get(executionId)?.redactor ?? this.server;
  }

  /**
   * Learns the secrets that earlier owners of an execution have used. Call it before anything is appended under a claim.
   * @param versionIds the column `secret_versions` of the row
   * @throws the error of the database, or of a value that cannot be decrypted
   */
  async restore({ executionId, attempt }: Claim, versionIds: readonly string[]): Promise<void> {
    if (versionIds.length === 0) return;
    const { redactor, recorded } = this.used(executionId, attempt);
    await this.addTo(redactor, versionIds);
    for (const id of versionIds) recorded.add(id);
  }

  /** Forgets an execution that this process has released. A newer claim of this process keeps what it knows. */
  release({ executionId, attempt }: Claim): void {
    if (this.executions.get(executionId)?.attempt === attempt) this.executions.delete(executionId);
  }

  /**
   * Makes the redactor of an execution that another process may own, such as for the body of a signal.
   * @param versionIds the column `secret_versions` of the row
   * @throws ProblemError 503 `secrets_unavailable` if a value cannot be decrypted: then nothing can be stored without it
   */
  async withVersions(versionIds: readonly string[]): Promise<SecretRedactor> {
    const redactor = await this.readable(versionIds);
    if (redactor instanceof CipherError)
      throw new ProblemError(
        'secrets_unavailable',
        `A secret that the execution has used cannot be decrypted, so it could not be redacted: ${redactor.message}. Add that key, or cancel the execution.`,
      );
    return redactor;
  }

  /**
   * Replaces secrets in a text that may be left out, such as the reason of a cancel.
   * @returns `[redacted]` if a value cannot be decrypted
   */
  async textWithVersions(text: string, versionIds: readonly string[]): Promise<string> {
    const redactor = await this.readable(versionIds);
    return redactor instanceof CipherError ? REDACTED : redactor.text(text);
  }

  private async readable(versionIds: readonly string[]): Promise<SecretRedactor | CipherError> {
    if (versionIds.length === 0) return this.server;
    const redactor = new SecretRedactor([], this.server);
    try {
      await this.addTo(redactor, versionIds);
      return redactor;
    } catch (error) {
      if (error instanceof CipherError) return error;
      throw error;
    }
  }

  private used(executionId: string, attempt: number): Used {
    let used = this.executions.get(executionId);
    if (!used) {
      used = { attempt, redactor: new SecretRedactor([], this.server), recorded: new Set() };
      this.executions.set(executionId, used);
    }
    used.attempt = Math.max(used.attempt, attempt);
    return used;
  }

  private async addTo(redactor: SecretRedactor, versionIds: readonly string[]): Promise<void> {
    for (const forms of await Promise.all(versionIds.map((id) => this.formsOfVersion(id))))
      redactor.addForms(forms);
  }

  private async formsOfVersion(id: string): Promise<readonly Form[]> {
    const known = this.formsByVersion.get(id);
    if (known) return known;
    const version = await this.versionOf.find(id);
    if (!version) throw new Error(`the version ${id} of a secret that an execution has used does not exist`);
    if (version instanceof Error) throw version;
    return this.learn(version);
  }

  private readVersions(ids: readonly string[]): Promise<Map<string, UsedSecret | Error>> {
    if (!this.store) throw new Error('this application has no store of secrets');
    return this.store.readVersions(ids);
  }

  /** Returns the forms of a value. From now on it is also replaced in the logs of this process. */
  private learn({ versionId, value: given }: UsedSecret): readonly Form[] {
    const value = given.toWellFormed();
    let forms = this.formsByValue.get(value);
    if (!forms) {
      forms = variantsOf(value).filter(isRedactable).flatMap(formsOf);
      this.formsByValue.set(value, forms);
      this.server.forProcess.addForms(forms);
    }
    this.formsByVersion.set(versionId, forms);
    return forms;
  }
}
