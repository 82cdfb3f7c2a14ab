import type { StartExecutionInput } from '@cloutagent/contract';
import { ExecutionStreamProtocol } from './execution-stream-protocol.js';
import type { Established } from './stream-protocol.js';

/**
 * The stream of an execution that its first request starts. The request is repeated with the same idempotency key until
 * the server has named the execution. From then on it is the stream of that execution.
 */
export class StartStreamProtocol extends ExecutionStreamProtocol {
  constructor(
    request: StartExecutionInput,
    // `crypto.randomUUID` does not exist on pages without HTTPS.
    idempotencyKey = crypto.getRandomValues(new Uint32Array(4)).join('-'),
  ) {
    super('', undefined, 0);
    this.path = '/api/executions';
    this.call = { method: 'POST', body: request, headers: { 'idempotency-key': idempotencyKey } };
  }

  override begin(established: Established): void {
    if ('executionId' in established) this.follow(established.executionId);
  }
}
