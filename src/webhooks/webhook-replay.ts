import { Inject, Injectable } from '@nestjs/common';
import type { ReplayWebhook } from '@cloutagent/contract';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { JournalReader } from '../journal/journal-reader.js';
import { timeOfStored } from '../journal/stored-event.js';
import { lastSequenceOf } from '../journal/newest-events.js';
import { NotFoundError, ProblemError } from '../problems/problem.error.js';
import type { WebhookRow } from './webhook-row.js';

const BATCH = 500;

/** The executions that a replay of webhook $1 concerns: one ($2), or those with events from $3 until $4. */
const MATCHING = `
  SELECT e.id FROM cloutagent.webhooks AS w
  JOIN cloutagent.list_entries AS l ON l.project_id = w.project_id AND l.tag = '' AND l.is_root
  JOIN cloutagent.executions AS e ON e.id = l.execution_id
  WHERE w.id = $1 AND (w.workflow_name IS NULL OR w.workflow_name = e.workflow_name)
    AND (w.tag IS NULL OR w.tag = ANY (e.tags)) AND ($2::uuid IS NULL OR (e.id = $2 AND l.execution_id = $2))
    AND ($3::timestamptz IS NULL OR e.completed_at IS NULL OR e.completed_at >= $3)
    AND ($4::timestamptz IS NULL OR l.created_at < $4)
  LIMIT $5`;

const TIME = timeOfStored('v.data');

/** The time of an event is the second field of its data, after the id of the execution. */
const TIMESTAMP = /"timestamp":"([^"]{1,40})"/;

/** Events of a packed execution that are read at once. */
const PAGE = { limit: 1_000, bytes: 1_048_576 };

const RANGES = `
  SELECT b.id, r.first, r.last, ${lastSequenceOf('b.id')} AS newest,
    EXISTS (SELECT FROM cloutagent.segments WHERE execution_id = b.id) AS packed
  FROM unnest($2::uuid[]) AS b(id), (SELECT events FROM cloutagent.webhooks WHERE id = $1) AS w,
    LATERAL (
      SELECT min(v.sequence) AS first, max(v.sequence) AS last FROM cloutagent.events AS v
      WHERE v.execution_id = b.id AND v.type = ANY (w.events)
        AND ($3::timestamptz IS NULL OR ${TIME} >= $3) AND ($4::timestamptz IS NULL OR ${TIME} < $4)
    ) AS r
  ORDER BY b.id`;

// A row that exists may have events before the range that are not delivered yet: they stay first. Events after the range that
// were delivered, or that are older than the webhook, are skipped. The claim of a run that is under way is lost.
const REPLAY = `
  INSERT INTO cloutagent.webhook_queue AS q
    (execution_id, webhook_id, position, target, skip_after, skip_to, due_at, waiting_since)
  SELECT $2, $1, $3 - 1, $4, $4, $5, now(), now() FROM cloutagent.executions WHERE id = $2
  ON CONFLICT (execution_id, webhook_id) DO UPDATE SET
    position = least(q.position, excluded.position), target = greatest(q.target, excluded.target),
    skip_after = excluded.skip_after, skip_to = greatest(q.position, excluded.skip_after), due_at = now(),
    waiting_since = now(), claim = q.claim + 1, claimed_by = NULL, attempts = 0, failed_sequence = NULL, dead_at = NULL`;

interface Range {
  id: string;
  first: number | null;
  last: number | null;
  newest: number;
  packed: boolean;
}

/** Delivers events again: of one execution, or of a range of time. */
@Injectable()
export class WebhookReplay {
  constructor(
    private readonly database: Database,
    private readonly reader: JournalReader,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MAX_EXECUTIONS_PER_REPLAY'>,
  ) {}

  /**
   * @returns the number of executions whose events are delivered again
   * @throws NotFoundError if the project has no such execution
   * @throws ProblemError `webhook_disabled`, `replay_too_large`
   */
  async replay(webhook: WebhookRow, { executionId, from, to }: ReplayWebhook): Promise<number> {
    if (!webhook.enabled) throw new ProblemError('webhook_disabled');
    if (executionId !== undefined) await this.checkExecution(webhook, executionId);
    const [begin, end] = [timeOf(from), timeOf(to)];
    const { MAX_EXECUTIONS_PER_REPLAY: max } = this.settings;
    const { rows: matching } = await this.database.pool.query<{ id: string }>(MATCHING, [
      webhook.id,
      executionId ?? null,
      begin,
      end,
      max + 1,
    ]);
    if (matching.length > max) throw new ProblemError('replay_too_large');
    const ids = matching.map(({ id }) => id).toSorted();
    let replayed = 0;
    for (let start = 0; start < ids.length; start += BATCH) {
      const batch = ids.slice(start, start + BATCH);
      const { rows } = await this.database.pool.query<Range>(RANGES, [webhook.id, batch, begin, end]);
      // One statement each: a statement that changes many rows could deadlock with an append.
      for (const range of rows) {
        const { id, newest } = range;
        const { first, last } = range.packed ? await this.packedRange(webhook, id, from, to) : range;
        if (first === null) continue;
        const { rowCount } = await this.database.pool.query(REPLAY, [webhook.id, id, first, last, newest]);
        replayed += rowCount ?? 0;
      }
    }
    return replayed;
  }

  /** Finds the first and the last wanted event in the segments of an execution. */
  private async packedRange(
    { events: types }: WebhookRow,
    executionId: string,
    from: string | undefined,
    to: string | undefined,
  ): Promise<Pick<Range, 'first' | 'last'>> {
    const [begin, end] = [timeOf(from)?.getTime() ?? -Infinity, timeOf(to)?.getTime() ?? Infinity];
    let first: number | null = null;
    let last: number | null = null;
    for (let after = 0; ;) {
      const events = await this.reader.read(executionId, after, { types, ...PAGE });
      if (events.length === 0) return { first, last };
      after = events.at(-1)!.sequence;
      const matching = events.filter(({ data }) => {
        const time = Date.parse(TIMESTAMP.exec(data)?.[1] ?? '');
        return time >= begin && time < end;
      });
      first ??= matching[0]?.sequence ?? null;
      last = matching.at(-1)?.sequence ?? last;
    }
  }

  private async checkExecution({ projectId }: WebhookRow, executionId: string): Promise<void> {
    const { rowCount } = await this.database.pool.query(
      'SELECT FROM cloutagent.executions WHERE id = $1 AND project_id = $2 AND parent_id IS NULL',
      [executionId, projectId],
    );
    if (rowCount !== 1) throw new NotFoundError();
  }
}

/** A Date, because PostgreSQL does not read the year 0 as ISO 8601 writes it. */
const timeOf = (time: string | undefined): Date | null => (time === undefined ? null : new Date(time));
