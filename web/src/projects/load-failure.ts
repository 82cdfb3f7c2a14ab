import { CloutAgentError } from '@cloutagent/client';

/**
 * Returns what a refused request for things of a project means.
 * @param missing what a 404 means
 * @param otherwise what any other failure means
 */
export function loadFailure(error: Error, missing: string, otherwise: string): string {
  if (!(error instanceof CloutAgentError)) return otherwise;
  if (error.code === 'route_not_found')
    return 'This server cannot do this. Its version differs from that of the dashboard.';
  if (error.status === 404) return missing;
  return error.status === 403 ? 'Your key does not permit this.' : otherwise;
}
