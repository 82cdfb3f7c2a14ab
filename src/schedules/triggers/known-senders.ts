import type { TriggerSource } from '@cloutagent/contract';
import type { Sender } from './sender.js';
import { github } from './senders/github.js';
import { sharedSecret } from './senders/shared-secret.js';
import { slack } from './senders/slack.js';
import { standardWebhooks } from './senders/standard-webhooks.js';
import { stripe } from './senders/stripe.js';

/** The kinds of senders. */
export const SENDERS: Record<TriggerSource, Sender> = {
  github,
  stripe,
  slack,
  'standard-webhooks': standardWebhooks,
  'shared-secret': sharedSecret,
};
