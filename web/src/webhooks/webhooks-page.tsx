import { ProjectPage } from '../projects/project-page.js';
import { WebhookList } from './webhook-list.js';

export function WebhooksPage() {
  return <ProjectPage title="Webhooks">{(project) => <WebhookList project={project} />}</ProjectPage>;
}
