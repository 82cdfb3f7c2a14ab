import type { Operation, OperationPage, StartOperationInput } from '@cloutagent/contract';
import type { StartOptions } from '../executions.js';
import type { Http } from '../http.js';
import type { RequestOptions } from '../options.js';
import type { PageQuery } from './workflows.js';

export interface ListOperationsQuery extends PageQuery {
  projectId?: string | undefined;
}

/** Actions on many executions, which the server carries out in the background. Needs `executions:control`. */
export class OperationsApi {
  /** @internal */
  constructor(private readonly http: Http) {}

  /** Starts an operation. Watch it with `get` until its `status` is `completed`. */
  start(request: StartOperationInput, options: StartOptions = {}): Promise<Operation> {
    const { idempotencyKey, ...rest } = options;
    const headers = { 'idempotency-key': idempotencyKey };
    return this.http.json('/api/operations', { ...rest, method: 'POST', body: request, headers });
  }

  /** Returns a page of operations, newest first. */
  list(query: ListOperationsQuery = {}, options?: RequestOptions): Promise<OperationPage> {
    return this.http.json('/api/operations', { ...options, query: { ...query } });
  }

  get(operationId: string, options?: RequestOptions): Promise<Operation> {
    return this.http.json(`/api/operations/${encodeURIComponent(operationId)}`, { ...options });
  }
}
