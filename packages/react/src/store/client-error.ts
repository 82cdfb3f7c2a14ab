import { CloutAgentError } from '@cloutagent/client';

/** Whatever was thrown, as the one class of errors that is shown. */
export const toClientError = (error: unknown): CloutAgentError =>
  error instanceof CloutAgentError
    ? error
    : new CloutAgentError('network', error instanceof Error ? error.message : String(error));
