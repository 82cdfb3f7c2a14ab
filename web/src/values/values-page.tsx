import { ProjectPage } from '../projects/project-page.js';
import { useAccess } from '../session/access.js';
import { SecretList } from './secret-list.js';
import { VariableList } from './variable-list.js';

export function ValuesPage() {
  const { may } = useAccess();
  return (
    <ProjectPage title="Secrets and variables">
      {(project) => (
        <>
          {may('secrets:manage') && <SecretList project={project} />}
          {may('workflows:read') && <VariableList project={project} />}
        </>
      )}
    </ProjectPage>
  );
}
