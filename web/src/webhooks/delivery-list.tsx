import type { WebhookDelivery, WebhookDeliveryPage, WebhookDeliveryStatus } from '@cloutagent/client/admin';
import { useCallback, useState } from 'react';
import { ResourceList } from '../projects/resource-list.js';
import { useAction } from '../projects/use-action.js';
import { useAdmin } from '../projects/use-admin.js';
import { Link } from '../routing/link.js';
import { useLoad } from '../session/use-load.js';
import { Deadline, Moment } from '../ui/moment.js';
import { PlainText } from '../ui/plain-text.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { duration } from '../ui/quantity.js';
import { StatusBadge } from '../ui/status-badge.js';
import { DeliveryDialog } from './delivery-dialog.js';

const BADGES: Record<WebhookDeliveryStatus, [status: string, label: string]> = {
  delivered: ['completed', 'delivered'],
  failed: ['retrying', 'failed, is repeated'],
  dead: ['failed', 'given up'],
};

interface Props {
  project: string;
  name: string;
  /** False while the webhook does not deliver: the server refuses to deliver again. */
  mayReplay: boolean;
}

/** The attempts to deliver, newest first. */
export function DeliveryList({ project, name, mayReplay }: Props) {
  const admin = useAdmin();
  const [status, setStatus] = useState<WebhookDeliveryStatus | ''>('');
  const [more, setMore] = useState<WebhookDeliveryPage[]>([]);
  const [shown, setShown] = useState<WebhookDelivery | null>(null);
  const [outcome, setOutcome] = useState('');
  const { working, error, run } = useAction();
  const read = useCallback(
    (cursor?: string, signal?: AbortSignal) =>
      admin.webhooks.deliveries(project, name, { limit: 50, cursor, ...(status && { status }) }, { signal }),
    [admin, project, name, status],
  );
  const list = useLoad(
    useCallback(
      (signal) => {
        setMore([]);
        return read(undefined, signal);
      },
      [read],
    ),
  );
  const pages = list.data ? [list.data, ...more] : [];
  const cursor = pages.at(-1)?.nextCursor ?? null;
  const replay = (executionId: string) =>
    run(async () => {
      await admin.webhooks.replay(project, name, { executionId });
      setOutcome('The events of the execution are delivered again.');
      list.reload();
    });
  return (
    <>
      {error && <ProblemNotice what="The request failed." error={error} />}
      <p role="status" className={outcome ? 'notice success' : 'visually-hidden'}>
        {outcome}
      </p>
      <ResourceList
        heading="Deliveries"
        list={list}
        items={list.data && pages.flatMap(({ deliveries }) => deliveries)}
        keyOf={({ id }) => id}
        actions={
          <span className="row">
            <select
              className="input narrow-input"
              aria-label="Status of the deliveries"
              value={status}
              onChange={(event) => setStatus(event.target.value as WebhookDeliveryStatus | '')}
            >
              <option value="">all attempts</option>
              {Object.entries(BADGES).map(([value, [, label]]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
            <button type="button" className="button" onClick={list.reload}>
              Refresh
            </button>
          </span>
        }
        empty={<p>Each attempt to deliver an event appears here.</p>}
        columns={[
          {
            heading: 'Status',
            render: ({ status: of }) => <StatusBadge status={BADGES[of][0]} label={BADGES[of][1]} />,
          },
          {
            heading: 'Answer',
            render: ({ responseStatus, error: why }) => responseStatus ?? <PlainText text={why ?? 'none'} />,
          },
          { heading: 'Event', wide: true, render: ({ type, sequence }) => `${type} ${sequence}` },
          {
            heading: 'Execution',
            render: ({ executionId }) => (
              <Link to={`/executions/${executionId}`}>
                <code>{executionId.slice(-8)}</code>
              </Link>
            ),
          },
          {
            heading: 'At',
            render: ({ at, attempt, durationMs }) => (
              <>
                <Moment at={at} />
                <span className="muted">
                  , attempt {attempt}, {duration(durationMs)}
                </span>
              </>
            ),
          },
          {
            heading: 'Next attempt',
            render: ({ nextAttemptAt }) =>
              nextAttemptAt === null ? 'none' : <Deadline at={nextAttemptAt} />,
          },
          {
            heading: 'Actions',
            isActions: true,
            render: (delivery) => (
              <span className="row end-row">
                <button
                  type="button"
                  className="button"
                  aria-label={`Show the delivery of event ${delivery.sequence}`}
                  onClick={() => setShown(delivery)}
                >
                  Show
                </button>
                {mayReplay && (
                  <button
                    type="button"
                    className="button"
                    disabled={working}
                    aria-label={`Deliver again the execution of event ${delivery.sequence}`}
                    onClick={() => void replay(delivery.executionId)}
                  >
                    Deliver again
                  </button>
                )}
              </span>
            ),
          },
        ]}
      />
      {cursor !== null && (
        <button
          type="button"
          className="button"
          disabled={working}
          onClick={() => void run(async () => setMore([...more, await read(cursor)]))}
        >
          Show more
        </button>
      )}
      {shown && (
        <DeliveryDialog project={project} name={name} delivery={shown} onClose={() => setShown(null)} />
      )}
    </>
  );
}
