import { PlainText } from '../ui/plain-text.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { fieldOf, problemsOf } from './field-problems.js';

interface Props {
  what: string;
  error: Error;
  /** The fields that show their problems themselves; none if left out. */
  marked?: ReadonlySet<string>;
}

/** Says why a request was refused, with the problems that no field shows. */
export function FormFailure({ what, error, marked }: Props) {
  const problems = problemsOf(error);
  if (problems.length === 0) return <ProblemNotice what={what} error={error} />;
  const others = problems.filter((problem) => !marked?.has(fieldOf(problem)));
  return (
    <div className="notice error" role="alert">
      <strong>{what}</strong>
      {others.length < problems.length && <span>Correct the marked fields.</span>}
      {others.map(({ path, message }) => (
        <PlainText key={path} text={`${path}: ${message}`} />
      ))}
    </div>
  );
}
