import type { Json } from '@cloutagent/contract';
import { parseExactly } from '../../common/exact-integers.js';
import { checkShape, type ShapeLimits } from '../extension/output-shape.js';

/** A complete HTTP response. */
export interface HttpResponse {
  status: number;
  /** Names in lower case; several values of one name are joined with a comma. */
  headers: Record<string, string>;
  /** Decompressed. */
  body: string;
}

/** A complete HTTP response whose body is not text. */
export interface HttpBytes extends Omit<HttpResponse, 'body'> {
  /** The decompressed body. */
  bytes: Buffer;
}

/**
 * Parses the body if its content type is JSON and it is valid JSON; otherwise returns it as text. An integer that a
 * JavaScript number cannot hold exactly, such as 9007199254740993, and a number that is too large, such as 1e400, become
 * strings with the original digits.
 * @throws NodeError `output_too_deep`, `output_too_large`
 */
export function parseBody({ headers, body }: HttpResponse, limits: ShapeLimits): Json {
  if (!/^[^;]*[/+]json\s*(;|$)/i.test(headers['content-type'] ?? '')) return body;
  checkShape(Buffer.from(body), limits);
  try {
    return parseExactly(body) as Json;
  } catch {
    return body;
  }
}
