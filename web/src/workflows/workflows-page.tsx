import { useWorkflows } from '@cloutagent/react';
import { PageTitle } from '../app/page-title.js';
import { projectProblem } from '../executions/execution-filter.js';
import '../executions/executions.css';
import { TextFilter } from '../executions/text-filter.js';
import '../projects/projects.css';
import { ResourceList } from '../projects/resource-list.js';
import { Link } from '../routing/link.js';
import { changeQuery, useLocation } from '../routing/location.js';
import { Moment } from '../ui/moment.js';
import { PlainText } from '../ui/plain-text.js';
import { AliasTags } from './alias-tags.js';
import { workflowAddress } from './workflow-address.js';

/** The saved workflows of the key's projects. The project of the filter is in the address. */
export function WorkflowsPage() {
  const project = useLocation().query.get('project') ?? '';
  const problem = projectProblem(project);
  return (
    <>
      <div className="page-head">
        <PageTitle title="Workflows" />
        <TextFilter
          label="Project"
          value={project}
          problem={problem}
          onChange={(next) => changeQuery({ project: next || null })}
        />
      </div>
      {problem === undefined && <WorkflowList project={project} />}
    </>
  );
}

function WorkflowList({ project }: { project: string }) {
  const list = useWorkflows(project === '' ? {} : { projectId: project });
  const { workflows, loading, hasMore, loadingMore, loadMore, refresh, error } = list;
  return (
    <>
      <ResourceList
        heading="Workflows"
        list={{ error, loading, reload: () => void refresh() }}
        items={loading || (error && workflows.length === 0) ? undefined : workflows}
        keyOf={({ projectId, name }) => `${projectId}/${name}`}
        empty={
          <p>
            Save a workflow to start it by its name, such as <code>compare@production</code>. Use{' '}
            <code>cloutagent workflows save</code> or the API.
          </p>
        }
        columns={[
          {
            heading: 'Name',
            wide: true,
            render: ({ projectId, name, description }) => (
              <>
                <Link to={workflowAddress(projectId, name)} className="resource-name">
                  {name}
                </Link>
                {description !== null && (
                  <span className="muted">
                    {' '}
                    <PlainText text={description} />
                  </span>
                )}
              </>
            ),
          },
          { heading: 'Project', render: ({ projectId }) => projectId },
          { heading: 'Newest version', render: ({ version }) => version },
          { heading: 'Aliases', render: ({ aliases }) => <AliasTags aliases={aliases} /> },
          {
            heading: 'Tags',
            render: ({ tags }) => (
              <span className="row">
                {tags.map((tag) => (
                  <PlainText className="tag" key={tag} text={tag} />
                ))}
              </span>
            ),
          },
          { heading: 'Saved', render: ({ createdAt }) => <Moment at={createdAt} /> },
        ]}
      />
      {hasMore && (
        <button type="button" className="button" disabled={loadingMore} onClick={() => void loadMore()}>
          Show more
        </button>
      )}
    </>
  );
}
