import { useCloutAgent } from '@cloutagent/react';
import { useRef, useState } from 'react';
import { navigate } from '../routing/location.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { randomKey } from '../ui/random-key.js';

interface Props {
  executionId: string;
  /** The nodes at which the new execution begins. Default: those that failed or were cut off. */
  from?: readonly string[];
  label: string;
}

/** Runs an ended execution again, and opens the new execution. */
export function RerunButton({ executionId, from, label }: Props) {
  const api = useCloutAgent();
  const [error, setError] = useState<Error | null>(null);
  const [working, setWorking] = useState(false);
  /** A click that is repeated after a lost response starts no second execution. */
  const key = useRef('');
  const rerun = async () => {
    setWorking(true);
    setError(null);
    key.current ||= randomKey();
    try {
      const { id } = await api.executions.rerun(
        executionId,
        { ...(from && { from: [...from] }) },
        { idempotencyKey: key.current },
      );
      navigate(`/executions/${id}`);
    } catch (failure) {
      setError(failure as Error);
      setWorking(false);
    }
  };
  return (
    <>
      <span>
        <button type="button" className="button" disabled={working} onClick={() => void rerun()}>
          {working ? 'Starting…' : label}
        </button>
      </span>
      {error && <ProblemNotice what="The execution was not run again." error={error} />}
    </>
  );
}
