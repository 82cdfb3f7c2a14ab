import type { Sender } from '../sender.js';
import { hmac, isSame, single } from '../signature.js';

/** https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries. A signature does not cover the delivery id. */
export const github: Sender = {
  credentialHeaders: ['x-hub-signature', 'x-hub-signature-256'],

  verify: ({ headers, body }, secret) => {
    const [, signature] = /^sha256=([0-9a-f]{64})$/.exec(single(headers['x-hub-signature-256']) ?? '') ?? [];
    return signature !== undefined && isSame(hmac(secret, body), Buffer.from(signature, 'hex'));
  },

  read: (headers) =>
    headers['x-github-event'] === 'ping'
      ? { start: false }
      : { start: true, id: single(headers['x-github-delivery']) },
};
