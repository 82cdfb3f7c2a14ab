import type { Sender } from '../sender.js';
import { hmac, isRecent, isSame, single } from '../signature.js';
import { memberOf } from '../webhook-body.js';

/** More signatures than a sender makes while it replaces its secret. */
const MAX_SIGNATURES = 16;

/** https://docs.stripe.com/webhooks#verify-manually. The secret is used as it is, with `whsec_`. */
export const stripe: Sender = {
  credentialHeaders: ['stripe-signature'],

  verify: ({ headers, body }, secret, time) => {
    const pairs = (single(headers['stripe-signature']) ?? '')
      .split(',')
      .map((part) => part.trim().split('='));
    const timestamp = pairs.find(([name]) => name === 't')?.[1];
    if (!isRecent(timestamp, time)) return false;
    const expected = hmac(secret, `${timestamp}.`, body).toString('hex');
    return pairs
      .filter(([name]) => name === 'v1')
      .slice(0, MAX_SIGNATURES)
      .some(([, signature]) => isSame(expected, signature ?? ''));
  },

  read: (_headers, body) => ({ start: true, id: memberOf(body, 'id') }),
};
