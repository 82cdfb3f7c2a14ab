import { Injectable } from '@nestjs/common';
import type { Json, WaitKind, WaitOutcome } from '@cloutagent/contract';
import { BatchedLookup } from '../../database/batched-lookup.js';
import { Database } from '../../database/database.js';
import type { WaitDetails } from '../../database/schema.js';
import { JsonSchemas } from '../nodes/json-schemas.js';
import { ExecutionRedactors } from '../../secrets/execution-redactors.js';
import { type Answer, AnswerBatches } from './answer-batches.js';
import { parseAnswer, type StoredAnswer } from './answer-shape.js';
import { InvalidAnswerError, WaitEndedError } from './wait-errors.js';
import { WaitSettlement } from './wait-settlement.js';

/** An answer is checked to its end, also if its client leaves. */
const NEVER = new AbortController().signal;

/** A wait, as far as an answer needs it. */
export interface AnswerableWait {
  id: string;
  executionId: string;
  projectId: string;
  nodeId: string;
  kind: WaitKind;
  details: WaitDetails;
  assignees: readonly string[] | null;
  outcome: WaitOutcome | null;
  answer: Json | null;
  settledBy: string | null;
  /** Whether the wait has expired by the clock of the database, although its end may not be stored yet. */
  isLate: boolean;
  /** Whether the journal has the end of the wait. */
  isRecorded: boolean;
  /** Ids of the versions of secrets that the execution has used. */
  secretVersions: readonly string[];
}

const COLUMNS = `
  w.id, w.execution_id AS "executionId", w.project_id AS "projectId", w.node_id AS "nodeId", w.kind, w.request AS details,
  w.assignees, w.outcome, w.answer, w.settled_by AS "settledBy", coalesce(w.until <= clock_timestamp(), false) AS "isLate",
  w.recorded AS "isRecorded",
  (SELECT e.secret_versions FROM cloutagent.executions AS e WHERE e.id = w.execution_id) AS "secretVersions"`;

/** Answers of people to waits. */
@Injectable()
export class WaitAnswers {
  private readonly batches: AnswerBatches;
  private readonly waitOf = new BatchedLookup((ids) => this.findAll(ids));

  constructor(
    private readonly database: Database,
    settlement: WaitSettlement,
    private readonly schemas: JsonSchemas,
    private readonly redactors: ExecutionRedactors,
  ) {
    this.batches = new AnswerBatches(settlement);
  }

  /** Finds a wait. Simultaneous calls share queries. @param waitId must be a UUID */
  find(waitId: string): Promise<AnswerableWait | undefined> {
    return this.waitOf.find(waitId.toLowerCase());
  }

  /** Returns the approvals of an execution, also those that have ended, oldest first. */
  async approvalsOf(executionId: string): Promise<AnswerableWait[]> {
    const { rows } = await this.database.pool.query<AnswerableWait>({
      name: 'wait-approvals',
      text: `
        SELECT ${COLUMNS} FROM cloutagent.waits AS w
        WHERE w.execution_id = $1 AND w.kind = 'approval' ORDER BY w.created_at, w.id`,
      values: [executionId],
    });
    return rows;
  }

  /**
   * Ends a wait by an answer. Whether the principal may answer is the caller's question.
   * @param given the fields of the answer; which ones are allowed depends on the kind of the wait
   * @returns when the wait ended
   * @throws ProblemError 400 `invalid_answer`, 409 `wait_already_answered` or `wait_expired`, 503 `no_worker_free`
   */
  async answer(
    wait: AnswerableWait,
    given: Readonly<Record<string, unknown>>,
    by: string,
  ): Promise<{ outcome: WaitOutcome; settledAt: Date }> {
    const answer = await this.check(wait, given, by);
    const settledAt = await this.batches.end(answer);
    if (settledAt) return { outcome: answer.outcome, settledAt };
    const now = await this.find(wait.id);
    throw new WaitEndedError(now?.outcome ?? null, now?.settledBy ?? null);
  }

  /**
   * Checks an answer, and does not record it.
   * @throws ProblemError as `answer`
   */
  async check(wait: AnswerableWait, given: Readonly<Record<string, unknown>>, by: string): Promise<Answer> {
    if (wait.outcome !== null || wait.isLate) throw new WaitEndedError(wait.outcome, wait.settledBy);
    const { answer: parsed, problems } = parseAnswer(wait.kind, given);
    if (problems) throw new InvalidAnswerError(problems);
    const answer = await this.withoutSecrets(wait, parsed);
    checkArgs(wait, answer);
    await this.checkForm(wait, answer);
    const outcome = wait.kind === 'signal' ? 'signalled' : 'answered';
    const { id: waitId, executionId } = wait;
    return { waitId, executionId, outcome, answer, by };
  }

  /**
   * Ends waits of one execution by checked answers, so that the execution continues with all of them at once.
   * @returns the ids of the waits that had ended before
   */
  async answerTogether(answers: readonly Answer[]): Promise<string[]> {
    const settled = await this.batches.endTogether(answers);
    return answers.filter((_answer, index) => settled[index] === undefined).map(({ waitId }) => waitId);
  }

  /** The answer is stored as the execution would record it. */
  private async withoutSecrets(
    { secretVersions }: AnswerableWait,
    answer: StoredAnswer,
  ): Promise<StoredAnswer> {
    if (secretVersions.length === 0) return answer;
    return (await this.redactors.withVersions(secretVersions)).value(answer);
  }

  private async findAll(ids: readonly string[]): Promise<Map<string, AnswerableWait>> {
    const { rows } = await this.database.pool.query<AnswerableWait>({
      name: 'waits-find',
      text: `SELECT ${COLUMNS} FROM cloutagent.waits AS w WHERE w.id = ANY ($1::uuid[])`,
      values: [ids],
    });
    return new Map(rows.map((wait) => [wait.id, wait]));
  }

  /** Checks the values of a form, or the body of a signal, against the schema of the wait. */
  private async checkForm(
    { kind, details: { schema }, projectId }: AnswerableWait,
    answer: StoredAnswer,
  ): Promise<void> {
    const errors =
      'values' in answer
        ? await this.valueErrors(projectId, schema, answer)
        : 'body' in answer && kind === 'signal' && schema
          ? await this.schemas.validate(projectId, schema, answer.body, NEVER, 'body')
          : [];
    if (errors.length > 0) throw new InvalidAnswerError(errors);
  }

  /** The values of an approval fit its form. A rejection may leave them out. */
  private async valueErrors(
    projectId: string,
    schema: AnswerableWait['details']['schema'],
    { approved, values }: { approved: boolean; values: Json },
  ) {
    if (!schema)
      return values === null
        ? []
        : [{ path: 'values', message: 'this approval has no form: leave values out' }];
    if (!approved && values === null) return [];
    return this.schemas.validate(projectId, schema, values, NEVER, 'values');
  }
}

/** Model providers and tools take the arguments of a call as an object. */
function checkArgs({ details: { toolArgs } }: AnswerableWait, answer: StoredAnswer): void {
  if (!('args' in answer) || answer.args == null || !isObject(toolArgs) || isObject(answer.args)) return;
  throw new InvalidAnswerError([
    { path: 'args', message: 'must be an object, as the arguments of the call are' },
  ]);
}

const isObject = (value: Json | undefined): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
