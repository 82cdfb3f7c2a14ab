import type { Webhook, WebhookDelivery, WebhookDeliveryDetails } from '@cloutagent/contract';

const EXECUTION_ID = '0199c0de-0000-7000-8000-000000000001';

export const EXAMPLE_WEBHOOK: Webhook = {
  projectId: 'acme',
  name: 'billing',
  url: 'https://billing.example.com/hooks',
  events: ['execution:completed', 'execution:failed'],
  enabled: true,
  disabledReason: null,
  payload: 'full',
  workflow: 'compare',
  tag: null,
  cloudEvents: false,
  signingSecrets: 1,
  pending: 0,
  dead: 0,
  createdAt: '2026-11-23T18:00:00.000Z',
  updatedAt: '2026-11-23T18:00:00.000Z',
  createdBy: 'key:0199c0de-0000-7000-8000-000000000009',
};

export const EXAMPLE_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=';

export const EXAMPLE_DELIVERY: WebhookDelivery = {
  id: '0199c0de-0000-7000-8000-000000000002',
  messageId: `${EXECUTION_ID}:12`,
  executionId: EXECUTION_ID,
  sequence: 12,
  type: 'execution:completed',
  status: 'failed',
  attempt: 1,
  at: '2026-11-23T18:00:02.000Z',
  durationMs: 84,
  responseStatus: 503,
  error: 'The receiver answered 503.',
  nextAttemptAt: '2026-11-23T18:00:07.000Z',
};

export const EXAMPLE_DELIVERY_DETAILS: WebhookDeliveryDetails = {
  ...EXAMPLE_DELIVERY,
  request: {
    url: EXAMPLE_WEBHOOK.url,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'CloutAgent-Webhooks',
      'webhook-id': `${EXECUTION_ID}:12`,
      'webhook-timestamp': '1795456802',
    },
    body: `{"type":"execution.completed","timestamp":"2026-11-23T18:00:02.000Z","data":{"executionId":"${EXECUTION_ID}","sequence":12,"projectId":"acme"}}`,
  },
  response: { status: 503, headers: { 'content-type': 'text/plain' }, body: 'Down for maintenance' },
};
