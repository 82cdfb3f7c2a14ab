import { CloutAgentError } from '@cloutagent/client';
import { PlainText } from './plain-text.js';

const ADVICE: Record<string, string> = {
  network: 'Check your connection and that the server is running, then try again.',
  insufficient_scope: 'Sign in with a key that has this scope, or ask the person who gave you the key.',
  rate_limited: 'Wait a moment, then try again.',
};

/** Shows a failed request, with advice on what to do. */
export function ProblemNotice({
  error,
  what,
  onRetry,
}: {
  error: Error;
  what: string;
  onRetry?: (() => void) | undefined;
}) {
  const code = error instanceof CloutAgentError ? error.code : undefined;
  const requestId = error instanceof CloutAgentError ? error.problem?.requestId : undefined;
  return (
    <div className="notice error" role="alert">
      <strong>{what}</strong>
      <PlainText text={error.message} />
      {code !== undefined && ADVICE[code] !== undefined && <span>{ADVICE[code]}</span>}
      {requestId !== undefined && <span className="muted">Request {requestId}</span>}
      {onRetry && (
        <span>
          <button type="button" className="button" onClick={onRetry}>
            Try again
          </button>
        </span>
      )}
    </div>
  );
}
