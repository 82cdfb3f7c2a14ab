import { Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import type pg from 'pg';
import { isDeepStrictEqual } from 'node:util';
import { v7 } from '../../common/uuid.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { type PathError, ProblemError } from '../../problems/problem.error.js';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import { ExecutionRedactors } from '../../secrets/execution-redactors.js';
import { expectedSchemas } from './expected-schemas.js';
import { isFor, matchSignals, type SignalWait } from './signal-matching.js';
import { JsonSchemas } from '../nodes/json-schemas.js';
import { signalStore, type SignalTarget, type StoredSignal } from './signal-store.js';
import { InvalidAnswerError } from './wait-errors.js';
import { type WaitEnd, WaitSettlement } from './wait-settlement.js';

const RETRY_AFTER_SECONDS = '10';

/** An answer is checked to its end, also if its client leaves. */
const NEVER = new AbortController().signal;

/** A signal that is sent to an execution. */
export interface NewSignal {
  executionId: string;
  name: string;
  body: Json;
  /** Id of the principal. */
  by: string;
  idempotencyKey?: string | undefined;
  /** Called in the transaction. It may refuse the signal by an error. */
  admit?: (client: pg.PoolClient, openWaits: readonly SignalWait[]) => Promise<void>;
  /** Called in the transaction when the signal is stored. */
  onStored?: (client: pg.PoolClient) => Promise<void>;
}

export interface SignalResult {
  id: string;
  sentAt: Date;
  /** Whether an earlier request with the same Idempotency-Key sent it. */
  replayed: boolean;
}

interface Transaction {
  client: pg.PoolClient;
  end: (ends: readonly WaitEnd[]) => Promise<string[]>;
}

/** A body that has to be checked against the schema of a wait, or, without a wait, of the nodes that may consume it later. */
interface Unchecked {
  wait?: SignalWait;
  /** The kept signal. Without it, the new one. */
  signalId?: string;
}
/** The secrets that the execution has used, as far as they are read. */
interface KnownSecrets {
  /** The number of their versions, which only grows. */
  count: number;
  redactor: SecretRedactor | undefined;
}

/** Matches of kept signals and waits that this process remembers. One takes about 150 bytes. */
const MAX_UNFIT = 20_000;

const keyOf = ({ wait, signalId }: Unchecked): string => `${wait?.id} ${signalId}`;

/**
 * Sends signals to executions. Each signal ends one wait: the oldest open one of its name. Until there is one, the signal is
 * kept. The row of the execution is locked while waits and signals are matched, so that no two signals end one wait. Bodies
 * are checked against schemas before that, because a check may take long.
 */
@Injectable()
export class Signals {
  /**
   * Kept signals that do not fit an open wait, by `keyOf`. They stay, so that each further signal would check all of them
   * again.
   */
  private readonly unfit = new Set<string>();

  constructor(
    private readonly database: Database,
    private readonly settlement: WaitSettlement,
    private readonly schemas: JsonSchemas,
    private readonly settings: Settings,
    private readonly redactors: ExecutionRedactors,
  ) {}

  /**
   * Sends a signal to an execution that exists.
   * @throws ProblemError 400 `invalid_answer`, 409 `execution_over`, 422 `idempotency_key_reused`, 429 `too_many_signals`,
   *   503 `no_worker_free`
   */
  async send(given: NewSignal): Promise<SignalResult> {
    const checked = new Map<string, PathError[]>();
    let signal = given;
    let secrets: KnownSecrets = { count: 0, redactor: undefined };
    // Each turn checks a body that had not been checked, or reads secrets that were not known, so the loop ends.
    for (;;) {
      const result = await this.settlement.transaction([signal.executionId], (transaction) =>
        this.trySend(transaction, signal, checked, secrets),
      );
      if ('id' in result) return result;
      if ('versions' in result) {
        const { versions } = result;
        const redactor = await this.redactors.withVersions(versions);
        secrets = { count: versions.length, redactor };
        signal = { ...given, body: redactor.value(given.body) };
        checked.clear();
      } else checked.set(keyOf(result), await this.checkOnce(signal.executionId, result, signal));
    }
  }

  /**
   * Ends open waits of an execution by the signals that are kept for them. Call it after waits were opened: a signal that
   * was sent before has not seen them. A kept signal that does not fit the schema of a wait stays for a later one.
   */
  async matchKept(executionId: string): Promise<void> {
    if (!(await signalStore.hasKept(this.database.pool, executionId))) return;
    const checked = new Map<string, PathError[]>();
    for (;;) {
      const unchecked = await this.settlement.transaction([executionId], async (transaction) => {
        const waits = await signalStore.openWaits(transaction.client, executionId);
        const redactor = this.redactors.of(executionId);
        return (await this.consumeKept(transaction, executionId, waits, checked, redactor)).unchecked;
      });
      if (!unchecked) return;
      checked.set(keyOf(unchecked), await this.checkOnce(executionId, unchecked));
    }
  }

  private async trySend(
    transaction: Transaction,
    signal: NewSignal,
    checked: ReadonlyMap<string, PathError[]>,
    { count, redactor }: KnownSecrets,
  ): Promise<SignalResult | Unchecked | { versions: readonly string[] }> {
    const { client, end } = transaction;
    const { executionId, name, body, by, idempotencyKey } = signal;
    const target = await signalStore.target(client, executionId);
    if (target && target.secretVersions.length !== count) return { versions: target.secretVersions };
    if (idempotencyKey !== undefined) {
      const first = await signalStore.findByKey(client, executionId, by, idempotencyKey);
      if (first) return replay(first, signal, redactor);
    }
    checkOpen(target);
    const waits = await signalStore.openWaits(client, executionId);
    await signal.admit?.(client, waits);
    const { rest, unchecked } = await this.consumeKept(transaction, executionId, waits, checked, redactor);
    if (unchecked) return unchecked;
    const wait = rest.find((candidate) => isFor(candidate, name));
    if (!wait) await this.checkRoom(client, executionId);
    if (!wait || wait.schema) {
      const pending: Unchecked = wait ? { wait } : {};
      const errors = checked.get(keyOf(pending));
      if (!errors) return pending;
      if (errors.length > 0) throw new InvalidAnswerError(errors);
    }
    const id = v7();
    const stored = { id, name, body, sentBy: by, idempotencyKey, waitId: wait?.id ?? null };
    const sentAt = await signalStore.insert(client, executionId, stored);
    if (wait) await end([{ waitId: wait.id, outcome: 'signalled', answer: { body }, by }]);
    await signal.onStored?.(client);
    return { id, sentAt, replayed: false };
  }

  /** Ends waits by kept signals. @returns the waits that stay open */
  private async consumeKept(
    { client, end }: Transaction,
    executionId: string,
    waits: readonly SignalWait[],
    checked: ReadonlyMap<string, PathError[]>,
    redactor: SecretRedactor | undefined,
  ): Promise<{ rest: readonly SignalWait[]; unchecked?: Unchecked }> {
    const kept = await signalStore.keptFor(client, executionId, waits);
    const { matches, unchecked } = matchSignals(waits, kept, ({ wait, signal }) => {
      const key = keyOf({ wait, signalId: signal.id });
      if (this.unfit.has(key)) return false;
      const errors = checked.get(key);
      return errors && errors.length === 0;
    });
    if (unchecked) return { rest: [], unchecked: { wait: unchecked.wait, signalId: unchecked.signal.id } };
    if (matches.length === 0) return { rest: waits };
    const signals = await signalStore.read(
      client,
      matches.map(({ signal }) => signal.id),
    );
    await end(
      matches.map(({ wait, signal }) => {
        const { body, sentBy } = signals.get(signal.id)!;
        // It may have been sent before the execution used the secret.
        const answer = { body: redactor?.isExtended ? redactor.value(body) : body };
        return { waitId: wait.id, outcome: 'signalled', answer, by: sentBy };
      }),
    );
    await signalStore.consume(client, matches);
    const taken = new Set(matches.map(({ wait }) => wait));
    return { rest: waits.filter((wait) => !taken.has(wait)) };
  }

  private async checkRoom(client: pg.PoolClient, executionId: string): Promise<void> {
    if ((await signalStore.countKept(client, executionId)) < this.settings.MAX_SIGNALS_PER_EXECUTION) return;
    throw new ProblemError('too_many_signals', undefined, {
      headers: { 'Retry-After': RETRY_AFTER_SECONDS },
    });
  }

  private async checkOnce(
    executionId: string,
    unchecked: Unchecked,
    signal?: NewSignal,
  ): Promise<PathError[]> {
    const errors = await this.check(executionId, unchecked, signal);
    if (errors.length > 0 && unchecked.wait && unchecked.signalId !== undefined) {
      this.unfit.add(keyOf(unchecked));
      if (this.unfit.size > MAX_UNFIT) this.unfit.delete(this.unfit.values().next().value!);
    }
    return errors;
  }

  /** Checks a body outside of any transaction. @returns the paths to correct */
  private async check(
    executionId: string,
    { wait, signalId }: Unchecked,
    signal?: NewSignal,
  ): Promise<PathError[]> {
    const { pool } = this.database;
    const target = await signalStore.target(pool, executionId);
    checkOpen(target);
    const body =
      signalId === undefined ? signal!.body : (await signalStore.read(pool, [signalId])).get(signalId)?.body;
    if (body === undefined) return [];
    if (wait) return this.schemas.validate(target.projectId, wait.schema!, body, NEVER);
    const workflow = await signalStore.workflow(pool, executionId);
    const schemas = (workflow && expectedSchemas(workflow, signal!.name)) ?? [];
    let errors: PathError[] = [];
    for (const schema of schemas) {
      errors = await this.schemas.validate(target.projectId, schema, body, NEVER);
      if (errors.length === 0) break;
    }
    return errors;
  }
}

/** @throws ProblemError 409 `execution_over` */
function checkOpen(target: SignalTarget | undefined): asserts target is SignalTarget {
  if (target && !target.isOver) return;
  const ended = !target || target.status === 'cancelled' ? 'was cancelled' : `has ${target.status}`;
  throw new ProblemError('execution_over', `The execution ${ended} and can no longer be changed.`);
}

/** @throws ProblemError 422 `idempotency_key_reused` */
function replay(
  first: StoredSignal,
  { name, body }: NewSignal,
  redactor: SecretRedactor | undefined,
): SignalResult {
  const stored = redactor?.isExtended ? redactor.value(first.body) : first.body;
  if (first.name !== name || !isDeepStrictEqual(stored, body))
    throw new ProblemError(
      'idempotency_key_reused',
      'This Idempotency-Key was already used with another signal. Use a new key for a new signal.',
    );
  return { id: first.id, sentAt: first.sentAt, replayed: true };
}
