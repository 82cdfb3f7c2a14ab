import { CloutAgentError } from '@cloutagent/client';

/** Converts anything that was thrown to a CloutAgentError, the only class of errors that the hooks return. */
export const toClientError = (error: unknown): CloutAgentError =>
  error instanceof CloutAgentError
    ? error
    : new CloutAgentError('network', error instanceof Error ? error.message : String(error));
