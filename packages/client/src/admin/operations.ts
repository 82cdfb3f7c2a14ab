import type { Operation, StartOperationInput } from '@cloutagent/contract';
import type { StartOptions } from '../executions.js';
import type { Http } from '../http.js';
import type { RequestOptions } from '../options.js';

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

  get(operationId: string, options?: RequestOptions): Promise<Operation> {
    return this.http.json(`/api/operations/${encodeURIComponent(operationId)}`, { ...options });
  }
}
