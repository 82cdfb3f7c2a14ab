import type { IncomingHttpHeaders } from 'node:http';
import type { WebhookBody } from './webhook-body.js';

/** A request before anything of it is trusted. */
export interface SentRequest {
  readonly headers: IncomingHttpHeaders;
  /** The exact bytes. A signature covers these. */
  readonly body: Buffer;
}

/** The time, and how far the time of a signature may differ from it, in ms. */
export interface SignatureTime {
  readonly now: number;
  readonly toleranceMs: number;
}

/** What a genuine request asks for. */
type WebhookMeaning =
  /** An execution. Without an id, requests that repeat start another one. */
  | { readonly start: true; readonly id?: string | undefined }
  /** Only this answer: the sender tests the address. */
  | { readonly start: false; readonly challenge?: string };

/** How the requests of a kind of sender are verified and read. */
export interface Sender {
  /** Request headers with credentials. Expressions do not get them. */
  readonly credentialHeaders: readonly string[];
  /** Whether the request comes from a sender that has the secret, and is not too old. */
  verify(request: SentRequest, secret: string, time: SignatureTime): boolean;
  /** Called only for a request that was verified. */
  read(headers: IncomingHttpHeaders, body: WebhookBody): WebhookMeaning;
}
