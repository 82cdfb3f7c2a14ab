import type { Body } from '../support/answer.ts';
import { ADMIN_KEY } from '../support/server.ts';

export interface ApiAnswer {
  status: number;
  body: Body;
}

/**
 * Calls the API of a process as the administrator.
 * @returns undefined if there was no answer in time; the request may have been carried out
 */
export async function callApi(
  base: string,
  method: string,
  path: string,
  {
    body,
    headers = {},
    timeoutMs = 2_500,
  }: { body?: object; headers?: Record<string, string>; timeoutMs?: number } = {},
): Promise<ApiAnswer | undefined> {
  try {
    const response = await fetch(new URL(path, base), {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  } catch {
    return undefined;
  }
}
