/** Bytes of an unexpected body that are read: for the error message, and because it may be an answer that is not streamed. */
const MAX_BODY_BYTES = 1_048_576;
/** Matches the beginning of an event stream (HTML Standard, section 9.2.5). */
const EVENT_STREAM = /^\uFEFF?\s*(:|(data|event|id|retry)\s*(:|$))/;
/** Bytes that are enough to recognise an event stream. */
const PREFIX_BYTES = 8;

/** A model provider sent status 200 with a body that is not an event stream, such as a sign-in page or an error. */
export class UnexpectedResponseError extends Error {
  override readonly name = 'UnexpectedResponseError';

  constructor(
    contentType: string,
    /** The beginning of the body. */
    readonly body: string,
  ) {
    super(`the response has the content type ${contentType || '(none)'} and is not an event stream`);
  }
}

/**
 * Returns a successful response if its body is an event stream. It inspects the body if the content type names another type,
 * because some servers label event streams as JSON.
 * @throws UnexpectedResponseError
 */
export async function requireEventStream(response: Response): Promise<Response> {
  const contentType = response.headers.get('content-type') ?? '';
  if (!response.body) throw new UnexpectedResponseError(contentType, '');
  if (/^text\/event-stream\b/i.test(contentType)) return response;
  const reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  /** Reads until `chunks` have at least that many bytes; false if the body ends first. */
  const readAtLeast = async (minBytes: number): Promise<boolean> => {
    for (let bytes = sizeOf(chunks); bytes < minBytes; bytes = sizeOf(chunks)) {
      const { done, value } = await reader.read();
      if (done) return false;
      chunks.push(value);
    }
    return true;
  };
  const hasMore = await readAtLeast(PREFIX_BYTES);
  const beginning = Buffer.concat(chunks).toString();
  if (beginning.trim() !== '' && !EVENT_STREAM.test(beginning)) {
    if (hasMore) await readAtLeast(MAX_BODY_BYTES);
    reader.cancel().catch(() => undefined);
    throw new UnexpectedResponseError(contentType, Buffer.concat(chunks).toString());
  }
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const buffered = chunks.shift();
      const { done, value } = buffered ? { done: false, value: buffered } : await reader.read();
      if (done || !value) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, { status: response.status, headers: response.headers });
}

const sizeOf = (chunks: readonly Uint8Array[]): number =>
  chunks.reduce((bytes, chunk) => bytes + chunk.byteLength, 0);
