import { ProjectPage } from '../projects/project-page.js';
import { useAccess } from '../session/access.js';
import { ScheduleList } from './schedule-list.js';
import { TriggerList } from './trigger-list.js';

export function SchedulesPage() {
  const { may } = useAccess();
  return (
    <ProjectPage title="Schedules and triggers">
      {(project) => (
        <>
          {may('schedules:manage') && <ScheduleList project={project} />}
          {may('triggers:manage') && <TriggerList project={project} />}
        </>
      )}
    </ProjectPage>
  );
}
