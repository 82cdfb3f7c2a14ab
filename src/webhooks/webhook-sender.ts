import { Inject, Injectable } from '@nestjs/common';
import { SecretRedactor } from '../config/secret-redactor.js';
import { Settings } from '../config/settings.js';
import { RestrictedHttpClient } from '../engine/http/restricted-http-client.js';
import { retryAfterMs } from '../engine/http/retry-after.js';
import { messageOf as errorMessageOf } from '../logging/error-info.js';
import { ExecutionRedactors } from '../secrets/execution-redactors.js';
import { keyOf, signatures, SigningSecrets } from './signing-secrets.js';
import { SlowReceivers } from './slow-receivers.js';
import type { Message } from './webhook-message.js';
import type { Receiver } from './webhook-queue.js';

const MAX_ERROR_LENGTH = 1_000;
const MAX_HEADERS = 50;
const MAX_HEADER_LENGTH = 1_000;
const GONE = 410;
/** The receiver, or what stands in front of it, is overloaded: all its deliveries wait. */
const OVERLOADED = new Set([429, 502, 504]);

/** One request and its answer. */
export interface Attempt {
  readonly at: Date;
  readonly durationMs: number;
  readonly url: string;
  readonly response?: {
    readonly status: number;
    readonly headers: Record<string, string>;
    readonly body: string;
  };
  /** Undefined if the receiver has the event. */
  readonly error?: string;
  /** Whether the receiver wants no more requests. */
  readonly isGone: boolean;
  /** For how long the receiver wants no requests, in ms; undefined if it did not say so. */
  readonly retryAfterMs?: number;
  /** For how long nothing is sent to the webhook, in ms; undefined if it is not overloaded. */
  readonly throttleMs?: number;
}

/** Sends one message and judges the answer. */
@Injectable()
export class WebhookSender {
  constructor(
    private readonly http: RestrictedHttpClient,
    private readonly secrets: SigningSecrets,
    private readonly redactors: ExecutionRedactors,
    private readonly slow: SlowReceivers,
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'RETRY_AFTER_MAX_MS' | 'WEBHOOK_RESPONSE_MAX_BYTES' | 'WEBHOOK_THROTTLE_MS' | 'WEBHOOK_TIMEOUT_MS'
    >,
  ) {}

  /**
   * Posts a message, signed by all valid secrets of the webhook. Nothing is sent if one of them cannot be decrypted.
   * @throws the reason of `signal` when it aborts before there is an answer
   * @throws the error of the database
   */
  async send(
    webhookId: string,
    { url, secrets: sealed, secretVersions }: Receiver,
    message: Message,
    signal: AbortSignal,
  ): Promise<Attempt> {
    const at = new Date();
    const began = performance.now();
    const timestamp = Math.floor(at.getTime() / 1000);
    const sent = { at, url, isGone: false };
    const ofExecution = await this.redactors.withVersions(secretVersions);
    let redactor = ofExecution;
    try {
      const secrets = this.secrets.open(webhookId, sealed);
      // The receiver knows its secrets, and may answer them.
      redactor = new SecretRedactor(secrets.map(keyOf), ofExecution);
      const { status, headers, body } = await this.slow.time(webhookId, () =>
        this.http.requestOnce({
          method: 'POST',
          url,
          headers: {
            ...message.headers,
            'webhook-timestamp': String(timestamp),
            'webhook-signature': signatures(secrets, message.id, timestamp, message.body),
          },
          body: message.body,
          timeoutMs: this.settings.WEBHOOK_TIMEOUT_MS,
          maxBytes: this.settings.WEBHOOK_RESPONSE_MAX_BYTES,
          signal,
        }),
      );
      return {
        ...sent,
        ...this.judge(status, headers),
        durationMs: Math.round(performance.now() - began),
        response: { status, headers: shortened(headers, redactor), body: storable(body, redactor) },
      };
    } catch (error) {
      signal.throwIfAborted();
      const text = storable(errorMessageOf(error), redactor).slice(0, MAX_ERROR_LENGTH).toWellFormed();
      return { ...sent, durationMs: Math.round(performance.now() - began), error: text };
    }
  }

  private judge(
    status: number,
    headers: Readonly<Record<string, string>>,
  ): Pick<Attempt, 'error' | 'isGone' | 'retryAfterMs' | 'throttleMs'> {
    if (status >= 200 && status < 300) return { isGone: false };
    const asked = retryAfterMs(headers);
    const after = asked === undefined ? undefined : Math.min(asked, this.settings.RETRY_AFTER_MAX_MS);
    const hint = status >= 300 && status < 400 ? ' Redirects are not followed.' : '';
    return {
      error: `The receiver answered ${status}.${hint}`,
      isGone: status === GONE,
      ...(after !== undefined && { retryAfterMs: after }),
      ...(OVERLOADED.has(status) && { throttleMs: after ?? this.settings.WEBHOOK_THROTTLE_MS }),
    };
  }
}

/** Cookies are credentials, so the log does not have them. */
function shortened(
  headers: Readonly<Record<string, string>>,
  redactor: SecretRedactor,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name !== 'set-cookie')
      .slice(0, MAX_HEADERS)
      .map(([name, value]) => [
        storable(name, redactor),
        storable(value, redactor).slice(0, MAX_HEADER_LENGTH).toWellFormed(),
      ]),
  );
}

/** PostgreSQL does not store U+0000. */
const storable = (text: string, redactor: SecretRedactor): string =>
  redactor.text(text.toWellFormed()).replaceAll('\0', '').toWellFormed();
