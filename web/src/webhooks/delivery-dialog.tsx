import type { WebhookDelivery } from '@cloutagent/client/admin';
import { useCallback } from 'react';
import { useAdmin } from '../projects/use-admin.js';
import { useLoad } from '../session/use-load.js';
import { Dialog } from '../ui/dialog.js';
import { PlainText } from '../ui/plain-text.js';
import { ProblemNotice } from '../ui/problem-notice.js';

interface Props {
  project: string;
  name: string;
  delivery: WebhookDelivery;
  onClose: () => void;
}

/** Shows one attempt with its request and the answer. */
export function DeliveryDialog({ project, name, delivery, onClose }: Props) {
  const admin = useAdmin();
  const { id } = delivery;
  const { data, error } = useLoad(
    useCallback(
      (signal) => admin.webhooks.delivery(project, name, id, { signal }),
      [admin, project, name, id],
    ),
  );
  return (
    <Dialog title={`${delivery.type} ${delivery.sequence}`} onClose={onClose}>
      {error && <ProblemNotice what="The delivery could not be loaded." error={error} />}
      {data && (
        <>
          {data.error !== null && (
            <p>
              <PlainText text={data.error} />
            </p>
          )}
          <Message title="Request" lines={data.request.headers} body={data.request.body} />
          {data.response ? (
            <Message
              title={`Answer ${data.response.status}`}
              lines={data.response.headers}
              body={data.response.body}
            />
          ) : (
            <p className="muted">There was no answer.</p>
          )}
        </>
      )}
      <div className="row">
        <button type="button" className="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function Message({ title, lines, body }: { title: string; lines: Record<string, string>; body: string }) {
  const head = Object.entries(lines)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
  return (
    <section>
      <h3>{title}</h3>
      <pre className="message-text" tabIndex={0} aria-label={title}>
        <PlainText text={body === '' ? head : `${head}\n\n${body}`} />
      </pre>
    </section>
  );
}
