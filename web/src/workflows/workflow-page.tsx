import { outlineOf } from '@cloutagent/contract';
import { useCallback, useMemo } from 'react';
import { PageTitle } from '../app/page-title.js';
import { WorkflowView } from '../graph/workflow-view.js';
import { loadFailure } from '../projects/load-failure.js';
import '../projects/projects.css';
import { useAdmin } from '../projects/use-admin.js';
import { Link } from '../routing/link.js';
import { changeQuery, useLocation } from '../routing/location.js';
import { useAccess } from '../session/access.js';
import { useLoad } from '../session/use-load.js';
import '../start/start.css';
import { PlainText } from '../ui/plain-text.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { AliasForm } from './alias-form.js';
import { AliasTags } from './alias-tags.js';
import { RunForm } from './run-form.js';
import { VersionDiff } from './version-diff.js';
import { VersionList } from './version-list.js';

/** A saved workflow: the version that the address names, its graph, a form to run it, its versions and aliases. */
export function WorkflowPage({ project, name }: { project: string; name: string }) {
  const admin = useAdmin();
  const { may } = useAccess();
  const version = useLocation().query.get('version') ?? undefined;
  const loaded = useLoad(
    useCallback(
      (signal) => admin.workflows.get(project, name, { version, signal }),
      [admin, project, name, version],
    ),
  );
  const versions = useLoad(
    useCallback(
      (signal) => admin.workflows.versions(project, name, { limit: 100 }, { signal }),
      [admin, project, name],
    ),
  );
  const saved = loaded.data;
  const outline = useMemo(() => saved && outlineOf(saved.workflow), [saved]);
  const reload = () => {
    loaded.reload();
    versions.reload();
  };
  return (
    <>
      <div className="page-intro">
        <p>
          <Link to={`/workflows?project=${encodeURIComponent(project)}`}>Workflows of {project}</Link>
        </p>
        <PageTitle title={`Workflow ${name}`} />
        {saved && (
          <p className="row muted">
            <span>version {saved.version}</span>
            <AliasTags aliases={saved.aliases} />
            {saved.tags.map((tag) => (
              <PlainText className="tag" key={tag} text={tag} />
            ))}
            <Link to={`/executions?project=${encodeURIComponent(project)}`}>Executions of {project}</Link>
          </p>
        )}
        {saved && saved.description !== null && (
          <p>
            <PlainText text={saved.description} />
          </p>
        )}
      </div>
      {loaded.error && (
        <ProblemNotice
          what={loadFailure(
            loaded.error,
            'There is no such workflow or version, or your key has no access to its project.',
            'The workflow could not be loaded.',
          )}
          error={loaded.error}
          onRetry={reload}
        />
      )}
      {saved && (
        <div className="start-columns">
          {may('executions:write') && (
            <RunForm key={saved.version} project={project} name={name} saved={saved} />
          )}
          <section className="card" aria-label="Graph">
            <div className="card-head">
              <h2>Version {saved.version}</h2>
            </div>
            <div className="preview">{outline && <WorkflowView outline={outline} />}</div>
          </section>
        </div>
      )}
      {saved && may('workflows:write') && (
        <AliasForm project={project} name={name} saved={saved} onChanged={reload} />
      )}
      {!(loaded.error && versions.error) && (
        <VersionList
          versions={versions}
          shown={saved?.version}
          onShow={(number) => changeQuery({ version: String(number) })}
        />
      )}
      {saved && versions.data && versions.data.versions.length > 1 && (
        <VersionDiff
          key={saved.version}
          project={project}
          name={name}
          versions={versions.data.versions}
          shown={saved.version}
        />
      )}
    </>
  );
}
