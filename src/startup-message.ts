import { join, relative } from 'node:path';

/** The example workflow, relative to the working directory: the commands are pasted there. */
const EXAMPLE = relative(process.cwd(), join(import.meta.dirname, '../examples/compare.json'));
/** Quoted for a shell if it needs to be. */
const EXAMPLE_ARGUMENT = /^[\w@%+=:,./-]+$/.test(EXAMPLE)
  ? `@${EXAMPLE}`
  : `'@${EXAMPLE.replaceAll("'", `'\\''`)}'`;

/** Returns the message that names the server's addresses. */
export const startupMessage = (baseUrl: string): string =>
  `CloutAgent Executions listens on ${baseUrl}; the dashboard is at the same address, the API documentation at ${baseUrl}/docs`;

/**
 * Returns the new administrator key, which is shown only once, and commands to paste. It is plain text in every log format,
 * because a person copies it.
 */
export function firstKey(baseUrl: string, key: string): string {
  const post = `curl -s -X POST ${baseUrl}/api/executions -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' -d ${EXAMPLE_ARGUMENT}`;
  return [
    '',
    `Your first administrator key, which is shown only once: ${key}`,
    '',
    'Start the example workflow:',
    `  ${post}`,
    '',
    'Start it and watch it live:',
    `  curl -sN -H 'Authorization: Bearer ${key}' "${baseUrl}$(${post} -o /dev/null -w '%header{location}')/stream"`,
    '',
    'Or with the command:',
    `  CLOUTAGENT_URL=${baseUrl} CLOUTAGENT_API_KEY=${key} npx cloutagent run examples/compare.json --watch`,
    '',
  ].join('\n');
}
