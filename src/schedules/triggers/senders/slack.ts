import type { Sender } from '../sender.js';
import { hmac, isRecent, isSame, single } from '../signature.js';
import { memberOf } from '../webhook-body.js';

/**
 * https://docs.slack.dev/authentication/verifying-requests-from-slack. Slack sends an event again with the same `event_id` if the
 * first answer came late. Commands and interactions have a `trigger_id` of their own.
 */
export const slack: Sender = {
  credentialHeaders: ['x-slack-signature'],

  verify: ({ headers, body }, secret, time) => {
    const timestamp = single(headers['x-slack-request-timestamp']);
    if (!isRecent(timestamp, time)) return false;
    const expected = `v0=${hmac(secret, `v0:${timestamp}:`, body).toString('hex')}`;
    return isSame(expected, single(headers['x-slack-signature']) ?? '');
  },

  read: (_headers, body) => {
    if (memberOf(body, 'type') === 'url_verification')
      return { start: false, challenge: memberOf(body, 'challenge') ?? '' };
    return { start: true, id: memberOf(body, 'event_id') ?? memberOf(body, 'trigger_id') };
  },
};
