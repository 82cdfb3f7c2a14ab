import type { Webhook } from '@cloutagent/client/admin';
import { StatusBadge } from '../ui/status-badge.js';

/** Shows whether a webhook delivers. */
export function WebhookState({ webhook }: { webhook: Webhook }) {
  const { enabled, disabledReason, dead } = webhook;
  if (disabledReason !== null) return <StatusBadge status="failed" label="disabled" />;
  if (!enabled) return <StatusBadge status="paused" label="paused" />;
  return dead > 0 ? (
    <StatusBadge status="failed" label="has failed" />
  ) : (
    <StatusBadge status="completed" label="enabled" />
  );
}

/** Returns the settings of a webhook, as the request that replaces them has them. */
export const settingsOf = ({ url, events, payload, workflow, tag, cloudEvents }: Webhook) => ({
  url,
  events,
  payload,
  workflow,
  tag,
  cloudEvents,
});
