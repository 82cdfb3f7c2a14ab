const MOST_BYTES = 65_536;
/** How the lines of an event stream begin (HTML Standard, section 9.2.5). */
const EVENT_STREAM = /^\uFEFF?\s*(:|(data|event|id|retry)\s*(:|$))/;
const ENOUGH = 8;

/** A model's provider answered with status 200 and something that is no event stream: a page to sign in, or an error. */
export class UnexpectedAnswerError extends Error {
  override readonly name = 'UnexpectedAnswerError';

  constructor(
    contentType: string,
    /** Its beginning. */
    readonly body: string,
  ) {
    super(`the answer is ${contentType || 'something'} and no event stream`);
  }
}

/**
 * Passes an answer on if it is an event stream. What it says it is does not count: some servers send streams as JSON.
 * @throws UnexpectedAnswerError
 */
export async function eventStreamOf(response: Response): Promise<Response> {
  const contentType = response.headers.get('content-type') ?? '';
  if (!response.ok || !response.body || /^text\/event-stream\b/i.test(contentType)) return response;
  const reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const read = async (least: number): Promise<boolean> => {
    for (let bytes = sizeOf(chunks); bytes < least; bytes = sizeOf(chunks)) {
      const { done, value } = await reader.read();
      if (done) return false;
      chunks.push(value);
    }
    return true;
  };
  const more = await read(ENOUGH);
  const beginning = Buffer.concat(chunks).toString();
  if (beginning.trim() !== '' && !EVENT_STREAM.test(beginning)) {
    if (more) await read(MOST_BYTES);
    reader.cancel().catch(() => undefined);
    throw new UnexpectedAnswerError(contentType, Buffer.concat(chunks).toString());
  }
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const known = chunks.shift();
      const { done, value } = known ? { done: false, value: known } : await reader.read();
      if (done || !value) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, { status: response.status, headers: response.headers });
}

const sizeOf = (chunks: readonly Uint8Array[]): number =>
  chunks.reduce((bytes, chunk) => bytes + chunk.byteLength, 0);
