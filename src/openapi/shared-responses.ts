import { STATUS_CODES } from 'node:http';
import type { OperationObject, Reference, ResponseObject } from './operation.js';

type Paths = Record<string, Record<string, OperationObject>>;

/**
 * Moves the most frequent problem response of each status to `components.responses`, named after the status
 * (`Unauthorized`). Other responses with that status stay in their operations.
 */
export function shareResponses(paths: Paths): { paths: Paths; responses: Record<string, ResponseObject> } {
  const counts = new Map<string, { status: string; response: ResponseObject; count: number }>();
  for (const [status, response] of responsesOf(paths)) {
    const key = keyOf(status, response);
    const entry = counts.get(key) ?? { status, response: response as ResponseObject, count: 0 };
    counts.set(key, { ...entry, count: entry.count + 1 });
  }
  const names = new Map<string, string>();
  const responses: Record<string, ResponseObject> = {};
  for (const [key, { status, response, count }] of [...counts].toSorted(
    ([, a], [, b]) => b.count - a.count,
  )) {
    const name = nameOf(status);
    if (count < 2 || !isProblem(response) || name in responses) continue;
    names.set(key, name);
    responses[name] = response;
  }
  const share = ({ responses: own, ...operation }: OperationObject): OperationObject => ({
    ...operation,
    responses: Object.fromEntries(
      Object.entries(own).map(([status, response]) => {
        const name = names.get(keyOf(status, response));
        return [status, name === undefined ? response : { $ref: `#/components/responses/${name}` }];
      }),
    ),
  });
  return {
    paths: Object.fromEntries(
      Object.entries(paths).map(([path, item]) => [
        path,
        Object.fromEntries(Object.entries(item).map(([method, operation]) => [method, share(operation)])),
      ]),
    ),
    responses,
  };
}

const responsesOf = (paths: Paths): [status: string, response: ResponseObject | Reference][] =>
  Object.values(paths)
    .flatMap((item) => Object.values(item))
    .flatMap(({ responses }) => Object.entries(responses));

const keyOf = (status: string, response: ResponseObject | Reference): string =>
  `${status} ${JSON.stringify(response)}`;

const isProblem = ({ content }: ResponseObject): boolean =>
  !!content && 'application/problem+json' in content;

/** `404` → `NotFound`, `default` → `Problem` */
const nameOf = (status: string): string =>
  STATUS_CODES[status]?.replaceAll(/[^A-Za-z]+/g, '') ??
  (status === 'default' ? 'Problem' : `Status${status}`);
