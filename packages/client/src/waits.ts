import type { AnswerWait, EndedWait, WaitKind, WaitPage } from '@cloutagent/contract';
import type { Http } from './http.js';
import type { RequestOptions } from './options.js';

export interface ListWaitsQuery {
  projectId?: string | undefined;
  /** One kind or several. Default: those that a person or another system ends, approval, signal, tool and failure. */
  kind?: WaitKind | readonly WaitKind[] | undefined;
  /** Only waits that this principal may answer: those that name it, and those that name no one. */
  assignee?: string | undefined;
  executionId?: string | undefined;
  /** 1 … 100; default 20. */
  limit?: number | undefined;
  /** `nextCursor` of the previous page. */
  cursor?: string | undefined;
}

/** Lists and answers the open waits of executions. Every method throws CloutAgentError. */
export class WaitsApi {
  constructor(private readonly http: Http) {}

  /** Returns one page of open waits, the inbox of the caller's projects. Needs the scope `executions:read`. */
  list(query: ListWaitsQuery = {}, { signal }: RequestOptions = {}): Promise<WaitPage> {
    return this.http.json('/api/waits', { query: { ...query }, signal });
  }

  /**
   * Answers a wait. The fields depend on its kind: `approved`, `comment` and `values` for an approval, `body` for a signal,
   * `action` with `args` or `reason` for a tool, `action` with `output` or `reason` for a failure. Needs the scope
   * `executions:control`. Fails with `invalid_answer` (`problem.errors` has the paths), `not_assigned`,
   * `wait_already_answered` or `wait_expired`.
   */
  answer(waitId: string, answer: AnswerWait, { signal }: RequestOptions = {}): Promise<EndedWait> {
    return this.http.json(`/api/waits/${encodeURIComponent(waitId)}/answer`, {
      method: 'POST',
      body: answer,
      signal,
    });
  }
}
