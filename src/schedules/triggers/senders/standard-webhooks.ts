import type { Sender } from '../sender.js';
import { hmac, isRecent, isSame, single } from '../signature.js';

/** More signatures than a sender makes while it replaces its secret. */
const MAX_SIGNATURES = 16;
const PREFIX = 'whsec_';

/** https://github.com/standard-webhooks/standard-webhooks, version 1.0.0, with symmetric secrets. */
export const standardWebhooks: Sender = {
  credentialHeaders: ['webhook-signature'],

  verify: ({ headers, body }, secret, time) => {
    const id = single(headers['webhook-id']);
    const timestamp = single(headers['webhook-timestamp']);
    if (id === undefined || !isRecent(timestamp, time)) return false;
    const key = Buffer.from(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret, 'base64');
    if (key.length === 0) return false;
    const expected = `v1,${hmac(key, `${id}.${timestamp}.`, body).toString('base64')}`;
    const signatures = (single(headers['webhook-signature']) ?? '').split(' ');
    return signatures.slice(0, MAX_SIGNATURES).some((signature) => isSame(expected, signature));
  },

  read: (headers) => ({ start: true, id: single(headers['webhook-id']) }),
};
