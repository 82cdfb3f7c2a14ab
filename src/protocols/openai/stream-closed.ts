/** The code of the error that a client receives when the server ends its stream before the execution has ended. */
const code = 'stream_closed';

/** For clients of the Responses API, which can continue. */
export const STREAM_CLOSED = {
  code,
  message:
    'The server has closed this stream before the end, such as for a restart. The execution continues. Continue with ' +
    'GET /v1/responses/{id}?stream=true&starting_after={sequence_number}.',
} as const;

/** For clients of chat completions, which cannot. */
export const CHAT_STREAM_CLOSED = {
  code,
  message:
    'The server has closed this stream before the end of the answer, such as for a restart. Send the request again.',
} as const;
