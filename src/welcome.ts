/** What main prints once the server listens; the key, if one was just made, is shown here and never again. */
export function welcome(baseUrl: string, key: string | undefined): string {
  const lines = [
    `CloutAgent Executions listens on ${baseUrl}; its dashboard is there too, its documentation at ${baseUrl}/docs`,
  ];
  if (key === undefined) return lines.join('\n');
  const post = `curl -s -X POST ${baseUrl}/api/executions -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' -d @examples/compare.json`;
  return [
    ...lines,
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
