import { Link } from '../routing/link.js';
import { Moment } from '../ui/moment.js';
import { PlainText } from '../ui/plain-text.js';

interface Props {
  lastAt: string | null;
  lastExecutionId: string | null;
  lastError: string | null;
}

/** The last run of a schedule or a trigger, with its execution, or why it started none. */
export function LastRun({ lastAt, lastExecutionId, lastError }: Props) {
  if (lastAt === null) return 'never';
  return (
    <>
      {lastExecutionId === null ? (
        <Moment at={lastAt} />
      ) : (
        <Link to={`/executions/${lastExecutionId}`}>
          <Moment at={lastAt} />
        </Link>
      )}
      {lastError !== null && (
        <span className="wrong-text">
          {' '}
          <PlainText text={lastError} />
        </span>
      )}
    </>
  );
}
