import { STATUS_CODES } from 'node:http';
import type { ComponentSchemas } from './component-schemas.js';
import { pathParameter, pathParameters } from './documented-operation.js';
import { headerReferences, HEADERS_OF_DEPRECATED, headersOfEvery } from './headers.js';
import type { OperationObject, ParameterObject, ResponseObject } from './operation.js';
import { usualCodes } from './problem-codes.js';
import { problemResponses } from './problem-responses.js';
import type { RouteAccess } from './route-access.js';
import { securityOf, withScope } from './security.js';

/** Makes the operation of a route without `@Documented`, which a module of another team may have, valid and complete. */
export function foreignOperation(
  path: string,
  operation: OperationObject,
  access: RouteAccess,
  schemas: ComponentSchemas,
): OperationObject {
  const names = pathParameters(path);
  const parameters = ((operation.parameters ?? []) as ParameterObject[])
    .flatMap((parameter) => withName(parameter, schemas))
    .filter(({ in: place, name }) => place !== 'path' || names.includes(name));
  const missing = names
    .filter((name) => !parameters.some((given) => given.in === 'path' && given.name === name))
    .map((name) => pathParameter(name));
  const codes = usualCodes(access, {
    params: names.length > 0,
    query: parameters.some((parameter) => parameter.in === 'query'),
    body: operation.requestBody !== undefined,
  });
  const { summary = '', description = '' } = operation;
  const headers = headerReferences([
    ...headersOfEvery(access.isThrottled),
    ...(operation['deprecated'] === true ? HEADERS_OF_DEPRECATED : []),
  ]);
  const own = Object.entries(operation.responses ?? {}) as [string, ResponseObject][];
  return {
    ...operation,
    // Its decorators may name security schemes that the document does not have. The guard decides by the access.
    ...securityOf(access),
    summary: summary || operation.operationId,
    description: withScope(description || summary || operation.operationId, access),
    parameters: unique([...missing, ...parameters]),
    responses: {
      ...problemResponses(codes, access.isThrottled),
      ...Object.fromEntries(
        (own.length > 0 ? own : [['200', { description: 'OK' }] as const]).map(completeWith(headers)),
      ),
    },
  };
}

/** @nestjs/swagger describes `@Query({ schema })` as one parameter without a name. Its members are the parameters. */
function withName(parameter: ParameterObject, schemas: ComponentSchemas): ParameterObject[] {
  const { name, in: place, required, schema = { type: 'string' }, content } = parameter;
  if (name !== undefined)
    return [
      {
        ...parameter,
        ...(place === 'path' && { required: true }),
        ...(content === undefined && { schema }),
      },
    ];
  const { properties = {}, required: needed = [] } = schemas.resolve(schema);
  return Object.entries(properties).map(([member, { description, ...rest }]) => ({
    name: member,
    in: place,
    required: required !== false && needed.includes(member),
    ...(description !== undefined && { description }),
    schema: rest,
  }));
}

/** Each parameter once: the last one of its place and name wins, as with decorators on the controller and the method. */
const unique = (parameters: ParameterObject[]): ParameterObject[] => [
  ...new Map(parameters.map((parameter) => [`${parameter.in} ${parameter.name}`, parameter])).values(),
];

const completeWith =
  (headers: ResponseObject['headers']) =>
  ([status, response]: readonly [string, ResponseObject]): [string, ResponseObject] => [
    status,
    {
      ...response,
      description: response.description || STATUS_CODES[Number(status)] || 'Response',
      headers: { ...headers, ...response.headers },
    },
  ];
