import { Semaphore } from '../../common/semaphore.js';
import type { Settings } from '../../config/settings.js';
import { NodeError, TransientError } from '../extension/node-handler.js';
import { statusFailure } from '../http/http-failure.js';
import type { RestrictedHttpClient } from '../http/restricted-http-client.js';
import { decodeText } from '../http/text-encoding.js';
import { readFileData } from './file-data.js';

export type FileLimits = Pick<
  Settings,
  'MESSAGE_FILE_MAX_BYTES' | 'MESSAGE_FILES_MAX_BYTES' | 'MAX_MESSAGE_FILES'
>;

/** A file that was read or loaded. */
export interface LoadedFile {
  readonly bytes: Buffer;
  /** What the response or the data URL names. */
  readonly mediaType: string | undefined;
}

/** Loads of one conversation at the same time. */
const MAX_PARALLEL_LOADS = 4;

/** The code of a file of messages that cannot be used. */
export const fileInvalid = (place: string, problem: string, options?: ErrorOptions): NodeError =>
  new NodeError('message_file_invalid', `${place} ${problem.replace(/\.$/, '')}.`, options);

/** Reads the files of one conversation, within the limits of the server. A URL that occurs twice is loaded once. */
export class FileLoader {
  private readonly slots = new Semaphore(MAX_PARALLEL_LOADS);
  private readonly loads = new Map<string, Promise<LoadedFile>>();
  private totalBytes = 0;

  constructor(
    private readonly http: RestrictedHttpClient,
    private readonly limits: FileLimits,
    private readonly signal: AbortSignal,
    private readonly redact: (text: string) => string,
  ) {}

  /**
   * Reads a file.
   * @param text a URL, a data URL or base64
   * @param place where the text is in the config, for messages
   * @throws NodeError `message_file_invalid`, and the errors of `RestrictedHttpClient`; the reason of the signal
   */
  async read(text: string, place: string): Promise<LoadedFile> {
    const data = readFileData(text);
    if ('problem' in data) throw fileInvalid(place, data.problem);
    const file = 'bytes' in data ? data : await this.load(data.url, place);
    const { MESSAGE_FILE_MAX_BYTES: maxBytes, MESSAGE_FILES_MAX_BYTES: maxTotal } = this.limits;
    if (file.bytes.length > maxBytes) throw fileInvalid(place, tooLarge(maxBytes));
    this.totalBytes += file.bytes.length;
    if (this.totalBytes > maxTotal)
      throw fileInvalid(
        place,
        `is too much: the files of the messages have more than ${maxTotal} bytes together (MESSAGE_FILES_MAX_BYTES)`,
      );
    return file;
  }

  private load(url: string, place: string): Promise<LoadedFile> {
    let load = this.loads.get(url);
    if (!load) {
      load = this.request(url, place);
      this.loads.set(url, load);
    }
    return load;
  }

  private async request(url: string, place: string): Promise<LoadedFile> {
    const { signal } = this;
    const { MESSAGE_FILE_MAX_BYTES: maxBytes } = this.limits;
    const slot = await this.slots.acquire(signal);
    try {
      const { status, headers, bytes } = await this.http.requestBytes({
        method: 'GET',
        url,
        maxBytes,
        signal,
      });
      const contentType = headers['content-type'];
      if (status < 200 || status >= 300)
        throw statusFailure(
          new URL(url).host,
          { status, headers, body: decodeText(bytes, contentType) },
          this.redact,
        );
      if (bytes.length === 0) throw fileInvalid(place, 'is empty: the response has no body');
      return { bytes, mediaType: contentType };
    } catch (error) {
      signal.throwIfAborted();
      throw atPlace(error, place, maxBytes);
    } finally {
      slot.release();
    }
  }
}

const tooLarge = (maxBytes: number): string =>
  `has more than ${maxBytes} bytes (MESSAGE_FILE_MAX_BYTES): use a smaller file`;

/** Puts the place of a file before the message of an error. */
function atPlace(error: unknown, place: string, maxBytes: number): unknown {
  if (!(error instanceof NodeError) || error.code === 'message_file_invalid') return error;
  if (error.code === 'response_too_large') return fileInvalid(place, tooLarge(maxBytes), { cause: error });
  const message = `${place} cannot be loaded: ${error.message}`;
  return error instanceof TransientError
    ? new TransientError(error.code, message, error.retryAfterMs, { cause: error })
    : new NodeError(error.code, message, { cause: error });
}
