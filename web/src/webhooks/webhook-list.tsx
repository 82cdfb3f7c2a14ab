import { useCallback } from 'react';
import { ResourceList } from '../projects/resource-list.js';
import { useAdmin } from '../projects/use-admin.js';
import { Link } from '../routing/link.js';
import { useLoad } from '../session/use-load.js';
import { PlainText } from '../ui/plain-text.js';
import { count } from '../ui/quantity.js';
import { EventTypes } from './event-types.js';
import { WebhookState } from './webhook-state.js';

const webhookAddress = (project: string, name: string): string =>
  `/webhooks/${encodeURIComponent(project)}/${encodeURIComponent(name)}`;

export function WebhookList({ project }: { project: string }) {
  const admin = useAdmin();
  const list = useLoad(useCallback((signal) => admin.webhooks.list(project, { signal }), [admin, project]));
  return (
    <ResourceList
      heading="Webhooks"
      list={list}
      items={list.data?.webhooks}
      keyOf={({ name }) => name}
      empty={
        <p>
          A webhook delivers events to a server of yours, signed and in order. Make one with{' '}
          <code>cloutagent webhooks set</code> or the API.
        </p>
      }
      columns={[
        {
          heading: 'Name',
          wide: true,
          render: ({ name }) => (
            <Link to={webhookAddress(project, name)} className="resource-name">
              {name}
            </Link>
          ),
        },
        { heading: 'State', render: (webhook) => <WebhookState webhook={webhook} /> },
        {
          heading: 'Executions to deliver',
          render: ({ pending, dead }) => (
            <span className="numeric">
              {count(pending)}
              {dead > 0 && `, ${count(dead)} given up`}
            </span>
          ),
        },
        {
          heading: 'Events',
          wide: true,
          render: ({ events }) => <EventTypes types={events} />,
        },
        {
          heading: 'Address',
          wide: true,
          render: ({ url }) => (
            <code className="value-text">
              <PlainText text={url} />
            </code>
          ),
        },
      ]}
    />
  );
}
