import { StartExecution } from '@cloutagent/contract';
import type { Settings } from '../../config/settings.js';
import { isDeeperThan } from '../../common/json-depth.js';
import { hasMoreParts } from '../../common/json-parts.js';
import { checkIdempotencyKey } from '../../problems/idempotency-key.js';
import { ProblemError, ValidationFailedError } from '../../problems/problem.error.js';
import { checkAsync, MAX_PROBLEMS } from '../../problems/schema-problems.js';

type Limits = Pick<Settings, 'BODY_MAX_BYTES' | 'MAX_JSON_DEPTH' | 'MAX_JSON_PARTS'>;

/**
 * Parses an item of a batch within the limits of a request of its own.
 * @throws ProblemError what such a request would be refused with
 */
export async function parseItem(
  item: unknown,
  limits: Limits,
): Promise<{ request: StartExecution; idempotencyKey: string | undefined }> {
  checkSize(item, limits);
  const { idempotencyKey, ...body } = isObject(item) ? item : {};
  const { data: request, problems } = await checkAsync(StartExecution, isObject(item) ? body : item);
  if (problems)
    throw new ValidationFailedError(
      problems
        .slice(0, MAX_PROBLEMS)
        .map(({ path, message }) => ({ path: path.map(String).join('.'), message })),
    );
  return { request, idempotencyKey: parseKey(idempotencyKey) };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parseKey(key: unknown): string | undefined {
  if (key === undefined || key === null) return undefined;
  try {
    return checkIdempotencyKey(typeof key === 'string' ? key : '');
  } catch {
    const message = 'must have 1 to 255 printable ASCII characters without spaces';
    throw new ValidationFailedError([{ path: 'idempotencyKey', message }]);
  }
}

function checkSize(item: unknown, limits: Limits): void {
  const { BODY_MAX_BYTES: maxBytes, MAX_JSON_DEPTH: maxDepth, MAX_JSON_PARTS: maxParts } = limits;
  const messages: string[] = [];
  if (isDeeperThan(item, maxDepth))
    messages.push(`JSON must not be nested more than ${maxDepth} deep (MAX_JSON_DEPTH)`);
  if (hasMoreParts(item, maxParts))
    messages.push(
      `JSON must not have more than ${maxParts} arrays, objects and members of objects (MAX_JSON_PARTS)`,
    );
  if (messages.length > 0)
    throw new ValidationFailedError(messages.map((message) => ({ path: '', message })));
  if (Buffer.byteLength(JSON.stringify(item)) > maxBytes) throw new ProblemError('body_too_large');
}
