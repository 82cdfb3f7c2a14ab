import type { Sender } from '../sender.js';
import { isSame, single } from '../signature.js';

/** For senders that cannot sign: they send the secret itself, and an Idempotency-Key if they may repeat a request. */
export const sharedSecret: Sender = {
  credentialHeaders: [],

  verify: ({ headers }, secret) => {
    const [, given] = /^Bearer +(\S.*)$/i.exec(headers.authorization ?? '') ?? [];
    return given !== undefined && isSame(given, secret);
  },

  read: (headers) => ({ start: true, id: single(headers['idempotency-key']) }),
};
