import type { AnswerWait, CloutAgentError, Wait } from '@cloutagent/client';
import { type NameOf, useCloutAgent, WaitCard } from '@cloutagent/react';
import { useState } from 'react';
import { Link } from '../routing/link.js';
import { Moment } from '../ui/moment.js';

interface Props {
  wait: Wait;
  nameOf: NameOf;
  /** Whether the key may answer. */
  mayAnswer: boolean;
  onAnswered: () => void;
}

/** One open wait with its execution, and the form to answer it. */
export function InboxItem({ wait, nameOf, mayAnswer, onAnswered }: Props) {
  const api = useCloutAgent();
  const [error, setError] = useState<CloutAgentError>();
  const answer = async (given: AnswerWait): Promise<boolean> => {
    setError(undefined);
    try {
      await api.waits.answer(wait.waitId, given);
      onAnswered();
      return true;
    } catch (failure) {
      setError(failure as CloutAgentError);
      return false;
    }
  };
  return (
    <li className="card inbox-item">
      <p className="row muted inbox-item-head">
        <Link to={`/executions/${wait.executionId}?node=${encodeURIComponent(wait.nodeId)}`}>
          Execution <code>{wait.executionId.slice(-8)}</code>
        </Link>
        <span>
          in <Link to={`/executions?project=${encodeURIComponent(wait.projectId)}`}>{wait.projectId}</Link>
        </span>
        <span>
          since <Moment at={wait.since} />
        </span>
      </p>
      <div className="ca-monitor">
        <WaitCard wait={wait} answer={mayAnswer ? answer : undefined} error={error} nameOf={nameOf} />
      </div>
    </li>
  );
}
