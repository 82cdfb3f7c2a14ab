import type { Json } from '@cloutagent/contract';

/** An answer, read to its end. */
export interface HttpAnswer {
  status: number;
  /** Names in lower case; several values of one name joined with a comma. */
  headers: Record<string, string>;
  /** Decompressed. */
  body: string;
}

/** The body as JSON when it says it is and is, else as the text it is. */
export function parsedBody({ headers, body }: HttpAnswer): Json {
  if (!/^[^;]*[/+]json\s*(;|$)/i.test(headers['content-type'] ?? '')) return body;
  try {
    return JSON.parse(body) as Json;
  } catch {
    return body;
  }
}
