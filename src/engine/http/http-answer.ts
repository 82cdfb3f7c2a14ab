import type { Json } from '@cloutagent/contract';
import { parseExactly } from '../../common/exact-integers.js';
import { checkShape, type ShapeLimits } from '../extension/output-shape.js';

/** An answer, read to its end. */
export interface HttpAnswer {
  status: number;
  /** Names in lower case; several values of one name joined with a comma. */
  headers: Record<string, string>;
  /** Decompressed. */
  body: string;
}

/**
 * The body as JSON when it says it is and is, else as the text it is. An integer of the JSON whose digits a number does
 * not keep, such as 9007199254740993, and a number that is too large, such as 1e400, is the text as it stands.
 * @throws NodeError `output_too_deep`, `output_too_large`
 */
export function parsedBody({ headers, body }: HttpAnswer, limits: ShapeLimits): Json {
  if (!/^[^;]*[/+]json\s*(;|$)/i.test(headers['content-type'] ?? '')) return body;
  checkShape(Buffer.from(body), limits);
  try {
    return parseExactly(body) as Json;
  } catch {
    return body;
  }
}
