import type { WorkflowVersionPage } from '@cloutagent/client/admin';
import { useCallback, useState } from 'react';
import { loadFailure } from '../projects/load-failure.js';
import { useAdmin } from '../projects/use-admin.js';
import { useLoad } from '../session/use-load.js';
import { ChoiceField } from '../ui/choice-field.js';
import { PlainText } from '../ui/plain-text.js';
import { ProblemNotice } from '../ui/problem-notice.js';

const VERBS = { add: 'added', remove: 'removed', replace: 'changed' } as const;

interface Props {
  project: string;
  name: string;
  versions: WorkflowVersionPage['versions'];
  /** The version that the page shows. */
  shown: number;
}

/** Compares two versions of a workflow: at first the shown one with the one before it, or the first one with the next. */
export function VersionDiff({ project, name, versions, shown }: Props) {
  const admin = useAdmin();
  // The newest version is first.
  const before = versions.find(({ version }) => version < shown)?.version;
  const after = versions.findLast(({ version }) => version > shown)?.version;
  const [from, setFrom] = useState(String(before ?? shown));
  const [to, setTo] = useState(String(before === undefined ? (after ?? shown) : shown));
  const { data, error, reload } = useLoad(
    useCallback(
      (signal) => admin.workflows.diff(project, name, { from: Number(from), to: Number(to) }, { signal }),
      [admin, project, name, from, to],
    ),
  );
  const choices = versions.map(({ version }) => [String(version), `version ${version}`] as const);
  const isCurrent = data !== undefined && data.from === Number(from) && data.to === Number(to);
  return (
    <section className="card" aria-label="Changes">
      <div className="card-head">
        <h2>Changes</h2>
      </div>
      <div className="card-body stack">
        <div className="project-fields">
          <ChoiceField
            label="From"
            hint="The older version"
            value={from}
            choices={choices}
            onChoose={setFrom}
          />
          <ChoiceField label="To" hint="The newer version" value={to} choices={choices} onChoose={setTo} />
        </div>
        {error && (
          <ProblemNotice
            what={loadFailure(
              error,
              'One of the versions does not exist.',
              'The versions could not be compared.',
            )}
            error={error}
            onRetry={reload}
          />
        )}
        {isCurrent && data.changes.length === 0 && <p className="muted">The versions are equal.</p>}
        {isCurrent && data.changes.length > 0 && (
          <ul className="changes">
            {data.changes.map(({ op, path, from: old, to: next }) => (
              <li key={`${op} ${path}`}>
                <p className="row">
                  <span className="tag">{VERBS[op]}</span>
                  <code className="resource-name">
                    <PlainText text={path} />
                  </code>
                </p>
                <div className="change-values">
                  {op !== 'add' && <Value title="Before" value={old} />}
                  {op !== 'remove' && <Value title="After" value={next} />}
                </div>
              </li>
            ))}
          </ul>
        )}
        {isCurrent && !data.isComplete && <p className="muted">There are more changes than these.</p>}
      </div>
    </section>
  );
}

function Value({ title, value }: { title: string; value: unknown }) {
  return (
    <div>
      <span className="label">{title}</span>
      <pre className="message-text" tabIndex={0} aria-label={title}>
        <PlainText text={typeof value === 'string' ? value : JSON.stringify(value, undefined, 2)} />
      </pre>
    </div>
  );
}
