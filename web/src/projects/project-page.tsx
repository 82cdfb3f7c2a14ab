import type { ReactNode } from 'react';
import { PageTitle } from '../app/page-title.js';
import { projectProblem } from '../executions/execution-filter.js';
import '../executions/executions.css';
import { ProjectField } from './project-field.js';
import './projects.css';
import { useProject } from './use-project.js';

interface Props {
  title: string;
  /** Shows the lists of a project. */
  children: (project: string) => ReactNode;
}

/** The frame of a page about what one project has. The project is in the address. */
export function ProjectPage({ title, children }: Props) {
  const project = useProject();
  return (
    <>
      <div className="page-head">
        <PageTitle title={title} />
        <ProjectField project={project} />
      </div>
      {projectProblem(project) === undefined && (
        // The key prop resets all state, so that no list shows what another project has.
        <div className="stack" key={project}>
          {children(project)}
        </div>
      )}
    </>
  );
}
