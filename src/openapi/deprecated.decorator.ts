import { applyDecorators, Header } from '@nestjs/common';

/** How a route is deprecated. Dates are ISO 8601, for example `2027-03-01` or `2027-03-01T12:00:00Z`. */
export interface Deprecation {
  /** When the route became deprecated, or will. */
  since: string;
  /** When the route will be removed, not before `since`. */
  sunset?: string;
  /** URL of a page for people that says what to use instead. */
  link: string;
}

/**
 * Marks a route as deprecated: in the OpenAPI document, and in its answers by the headers `Deprecation` (RFC 9745), `Sunset`
 * (RFC 8594) and `Link` with `rel="deprecation"`. The route works as before. Answers to requests without a valid credential
 * do not have the headers.
 * @throws Error if a date or the link is not valid: the application does not start
 * @example
 * ```ts
 * @Deprecated({
 *   since: '2027-03-01',
 *   sunset: '2027-09-01',
 *   link: 'https://docs.example.com/moved-reports',
 * })
 * @Get('reports')
 * reports() {}
 * ```
 */
export function Deprecated({ since, sunset, link }: Deprecation): MethodDecorator {
  const start = dateOf(since, 'since');
  const end = sunset === undefined ? undefined : dateOf(sunset, 'sunset');
  if (end !== undefined && end < start)
    throw new Error(`@Deprecated: sunset (${sunset}) is before since (${since}). Choose a later date.`);
  if (!URL.canParse(link))
    throw new Error(
      `@Deprecated: link is ${JSON.stringify(link)}. Give the URL of a page that says what to use instead, such as https://docs.example.com/moved`,
    );
  return applyDecorators(
    markOperation,
    Header('Deprecation', `@${Math.floor(start.getTime() / 1000)}`),
    ...(end === undefined ? [] : [Header('Sunset', end.toUTCString())]),
    Header('Link', `<${new URL(link).href}>; rel="deprecation"; type="text/html"`),
  );
}

function dateOf(text: string, name: string): Date {
  const date = new Date(text);
  if (!/^\d{4}-\d\d-\d\d(T.+)?$/.test(text) || Number.isNaN(date.getTime()))
    throw new Error(
      `@Deprecated: ${name} is ${JSON.stringify(text)}. Write a date as ISO 8601, such as 2027-03-01`,
    );
  return date;
}

/**
 * Where `ApiOperation` of @nestjs/swagger keeps what it is given. The package is not imported here: it would load with the
 * entry of the server's package, and it is large.
 */
const API_OPERATION = 'swagger/apiOperation';

/** Adds to what `ApiOperation` has set on the method. */
const markOperation: MethodDecorator = (_target, _key, descriptor) => {
  const given = Reflect.getMetadata(API_OPERATION, descriptor.value as object) as object | undefined;
  Reflect.defineMetadata(API_OPERATION, { ...given, deprecated: true }, descriptor.value as object);
};
