/** Says where the server listens. */
export const startupMessage = (baseUrl: string): string =>
  `CloutAgent Executions listens on ${baseUrl}; its dashboard is there too, its documentation at ${baseUrl}/docs`;

/** Shows the key that was just made, once, and commands to paste. It is always plain text: a person copies it. */
export function firstKey(baseUrl: string, key: string): string {
  const post = `curl -s -X POST ${baseUrl}/api/executions -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' -d @examples/compare.json`;
  return [
    '',
    `Your first administrator key, shown this once: ${key}`,
    '',
    'Start the example workflow:',
    `  ${post}`,
    '',
    'Start it and watch it live:',
    `  curl -sN -H 'Authorization: Bearer ${key}' "${baseUrl}$(${post} -o /dev/null -w '%header{location}')/stream"`,
    '',
  ].join('\n');
}
