import { useId } from 'react';
import { projectProblem } from '../executions/execution-filter.js';
import { TextFilter } from '../executions/text-filter.js';
import { changeQuery } from '../routing/location.js';
import { useAccess } from '../session/access.js';

/** Chooses the project of a page: from those of the key, or by its id if the key may use any. */
export function ProjectField({ project }: { project: string }) {
  const { anyProject, projects } = useAccess();
  const id = useId();
  const change = (next: string) => changeQuery({ project: next || null });
  if (anyProject)
    return <TextFilter label="Project" value={project} problem={projectProblem(project)} onChange={change} />;
  return (
    <div className="field">
      <label htmlFor={id}>Project</label>
      <select id={id} className="input" value={project} onChange={(event) => change(event.target.value)}>
        {[...new Set([...projects, project])].map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </div>
  );
}
