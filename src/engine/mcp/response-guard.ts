import type { ShapeLimits } from '../extension/output-shape.js';
import { checkShape } from '../extension/output-shape.js';

/** More messages than a call needs: 10 reports of progress a second for 15 minutes. */
const MAX_MESSAGES = 10_000;

export interface LineLimits {
  readonly maxBytes: number;
  readonly shape: ShapeLimits;
}

/**
 * Splits bytes into lines and checks them before a parser sees them. A line has one JSON-RPC message at most. It holds back
 * the beginning of a line until the line is complete.
 */
export class LineGuard {
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private bytes = 0;
  private messages = 0;

  constructor(private readonly limits: LineLimits) {}

  /** Starts to count again. */
  reset(): void {
    this.bytes = 0;
    this.messages = 0;
  }

  /**
   * Takes bytes.
   * @returns the complete lines that end in them, with their line breaks
   * @throws Error, whose message says which limit is exceeded
   */
  lines(chunk: Uint8Array): Buffer[] {
    const data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.bytes += data.length;
    if (this.bytes > this.limits.maxBytes)
      throw new Error(`it sent more than ${this.limits.maxBytes} bytes (MCP_RESPONSE_MAX_BYTES)`);
    const complete: Buffer[] = [];
    let from = 0;
    for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a, from)) {
      complete.push(this.complete(data.subarray(from, end + 1)));
      from = end + 1;
    }
    if (from < data.length) {
      this.pending.push(data.subarray(from));
      this.pendingBytes += data.length - from;
    }
    return complete;
  }

  /** Returns the last line, which has no line break. */
  rest(): Buffer {
    return this.complete(Buffer.alloc(0));
  }

  private complete(end: Buffer): Buffer {
    const line = this.pendingBytes > 0 ? Buffer.concat([...this.pending, end]) : end;
    this.pending = [];
    this.pendingBytes = 0;
    // Empty lines and the fields `id:` and `event:` of events are no messages.
    if (line.length > 32 && (this.messages += 1) > MAX_MESSAGES)
      throw new Error(`it sent more than ${MAX_MESSAGES} messages for one request`);
    checkShape(line, this.limits.shape);
    return line;
  }
}

/**
 * Checks the lines of a response while they arrive.
 * @param onProblem gets the error with which the body ends
 */
export function guarded(response: Response, limits: LineLimits, onProblem: (error: Error) => void): Response {
  if (!response.body) return response;
  const guard = new LineGuard(limits);
  const check = (take: () => Buffer[], controller: TransformStreamDefaultController<Uint8Array>): void => {
    try {
      for (const line of take()) controller.enqueue(line);
    } catch (error) {
      onProblem(error as Error);
      throw error;
    }
  };
  const lines = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => check(() => guard.lines(chunk), controller),
    flush: (controller) => check(() => [guard.rest()], controller),
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(lines), { status, statusText, headers });
}
