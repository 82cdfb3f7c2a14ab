import type { CloutAgentError } from '@cloutagent/client';
import { ProblemNotice } from '../ui/problem-notice.js';

interface Props {
  /** What could not be loaded, as a sentence. */
  what: string;
  /** The project of the filter. */
  project: string;
  error: CloutAgentError;
  refresh: () => Promise<void>;
}

/** Says why a list that may have a filter by project could not be loaded. */
export function ListProblem({ what, project, error, refresh }: Props) {
  return (
    <ProblemNotice
      what={error.status === 404 ? `Your key has no access to project ${project}.` : what}
      error={error}
      onRetry={() => void refresh()}
    />
  );
}
