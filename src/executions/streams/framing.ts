/** Explains the frames of a stream. OpenAPI 3.1 has a schema for a response as a whole, but none for the items of a stream. */
export const FRAMING = `

The schema is that of \`data\` in each frame, and the examples are such data: a generated client reads frames, and not the response
as a whole. A frame has the lines \`event\` (the type), \`data\` (JSON on one line) and \`id\`, and ends with an empty line:

\`\`\`
event: execution:output
data: {"type":"execution:output","sequence":12,"executionId":"0199c0de-0000-7000-8000-000000000001",…}
id: 12

\`\`\`

Lines that begin with a colon (\`: ping\`) are heartbeats. \`retry\` is the time in ms that \`EventSource\` waits before it connects again.`;
