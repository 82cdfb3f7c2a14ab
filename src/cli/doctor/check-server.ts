import { CloutAgentError } from '@cloutagent/client';
import type { CliContext } from '../cli-context.js';
import { type CheckResult, failed, ok, warning } from './check-result.js';

/** Checks whether the server that the other commands use answers, and what the credential may do there. */
export async function checkServer(context: CliContext): Promise<CheckResult> {
  const { baseUrl } = context;
  if (context.key === undefined)
    return warning('Credential', 'CLOUTAGENT_API_KEY is not set: the commands that call a server need it');
  try {
    const me = await context.client().me({ signal: AbortSignal.timeout(5_000) });
    return ok(
      'Credential',
      `${me.id} at ${baseUrl}, projects ${me.projects.join(', ')}, scopes ${me.scopes.join(', ') || 'none'}`,
    );
  } catch (error) {
    if (!(error instanceof CloutAgentError)) throw error;
    return error.status === undefined
      ? warning('Credential', `no server answers at ${baseUrl}: start one with \`cloutagent serve\``)
      : failed('Credential', `${baseUrl} answers: ${error.message}`);
  }
}
