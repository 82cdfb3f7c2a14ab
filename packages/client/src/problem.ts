import type { Problem } from '@cloutagent/contract';
import { CloutAgentError } from './error.js';
import { parseRetryAfter } from './delay.js';

/** Problem documents are small. A longer body is not read as one. */
const MAX_PROBLEM_BYTES = 1_048_576;

/** Converts a response without a 2xx status to an error. Reads at most `MAX_PROBLEM_BYTES` of the body. */
export async function toProblemError(response: Response): Promise<CloutAgentError> {
  const { status } = response;
  const problem = parseProblem(await readText(response, MAX_PROBLEM_BYTES).catch(() => ''));
  return new CloutAgentError(
    problem?.code ?? 'http_error',
    problem?.detail ?? `The server answered ${status} ${response.statusText}`.trimEnd(),
    { status, problem, retryAfterMs: parseRetryAfter(response.headers.get('retry-after')) },
  );
}

function parseProblem(text: string): Problem | undefined {
  try {
    const value = JSON.parse(text) as Partial<Problem> | null;
    return typeof value?.code === 'string' && typeof value.detail === 'string'
      ? (value as Problem)
      : undefined;
  } catch {
    return undefined;
  }
}

async function readText(response: Response, maxBytes: number): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return '';
  const decoder = new TextDecoder();
  let text = '';
  for (let bytes = 0; bytes <= maxBytes;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel().catch(() => undefined);
  return text;
}
