import type { Webhook } from '@cloutagent/client/admin';
import { useCallback } from 'react';
import { PageTitle } from '../app/page-title.js';
import { loadFailure } from '../projects/load-failure.js';
import '../projects/projects.css';
import { useAction } from '../projects/use-action.js';
import { useAdmin } from '../projects/use-admin.js';
import { Link } from '../routing/link.js';
import { useLoad } from '../session/use-load.js';
import { PlainText } from '../ui/plain-text.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { counted } from '../ui/quantity.js';
import { EventTypes } from './event-types.js';
import { DeliveryList } from './delivery-list.js';
import { ReplayForm } from './replay-form.js';
import { settingsOf, WebhookState } from './webhook-state.js';

export function WebhookPage({ project, name }: { project: string; name: string }) {
  const admin = useAdmin();
  const loaded = useLoad(
    useCallback((signal) => admin.webhooks.get(project, name, { signal }), [admin, project, name]),
  );
  const webhook = loaded.data;
  return (
    <>
      <div className="page-intro">
        <p>
          <Link to={`/webhooks?project=${encodeURIComponent(project)}`}>Webhooks of {project}</Link>
        </p>
        <div className="page-head">
          <span className="row">
            <PageTitle title={`Webhook ${name}`} />
            {webhook && <WebhookState webhook={webhook} />}
          </span>
          {webhook && <EnableButton project={project} webhook={webhook} onChanged={loaded.reload} />}
        </div>
      </div>
      {loaded.error && (
        <ProblemNotice
          what={loadFailure(
            loaded.error,
            'There is no such webhook, or your key has no access to its project.',
            'The webhook could not be loaded.',
          )}
          error={loaded.error}
          onRetry={loaded.reload}
        />
      )}
      {webhook && (
        <>
          <WebhookFacts webhook={webhook} />
          {webhook.enabled ? (
            <ReplayForm project={project} name={name} />
          ) : (
            <p className="muted">
              Events are kept while the webhook does not deliver. Enable it to deliver them.
            </p>
          )}
          <DeliveryList project={project} name={name} mayReplay={webhook.enabled} />
        </>
      )}
      {!webhook && loaded.loading && <p className="muted">Loading…</p>}
    </>
  );
}

function WebhookFacts({ webhook }: { webhook: Webhook }) {
  const { url, events, payload, workflow, tag, disabledReason, pending, dead, signingSecrets } = webhook;
  return (
    <div className="stack">
      {disabledReason !== null && (
        <div className="notice error" role="status">
          <strong>The server has disabled this webhook.</strong>
          <PlainText text={disabledReason} />
        </div>
      )}
      <p className="row muted">
        <PlainText text={url} />
        <span>{payload === 'full' ? 'whole events' : 'ids only'}</span>
        {workflow !== null && <span>only of the workflow {workflow}</span>}
        {tag !== null && (
          <span>
            only with the tag <PlainText text={tag} />
          </span>
        )}
        <span>{counted(signingSecrets, 'signing secret')}</span>
        <span>{counted(pending, 'execution')} to deliver</span>
        {dead > 0 && <span>{counted(dead, 'execution')} given up</span>}
      </p>
      <EventTypes types={events} />
    </div>
  );
}

interface EnableProps {
  project: string;
  webhook: Webhook;
  onChanged: () => void;
}

function EnableButton({ project, webhook, onChanged }: EnableProps) {
  const admin = useAdmin();
  const { working, error, run } = useAction();
  const change = () =>
    run(() =>
      admin.webhooks.set(project, webhook.name, { ...settingsOf(webhook), enabled: !webhook.enabled }),
    ).then((done) => done && onChanged());
  return (
    <>
      <button type="button" className="button" disabled={working} onClick={() => void change()}>
        {webhook.enabled ? 'Pause' : 'Enable'}
      </button>
      {error && <ProblemNotice what="The webhook was not changed." error={error} />}
    </>
  );
}
