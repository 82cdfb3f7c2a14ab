import { z } from 'zod';
import { urlProblem } from '../http/restricted-http-client.js';
import { isTemplate } from '../extension/template-check.js';

/** Set by the client itself; given by hand they could make two requests of one. */
const OWN_HEADERS = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** May hold templates, so whether it is a URL shows when the node runs. */
export const Url = z.string().min(1).max(8192);

/** What is wrong with a URL that holds no templates, with its path in the config. */
export function urlProblems(
  url: string,
  path: (string | number)[],
): { path: (string | number)[]; message: string }[] {
  const problem = isTemplate(url) ? undefined : urlProblem(url);
  return problem === undefined ? [] : [{ path, message: problem }];
}

/** More than any server takes. */
const MOST_HEADERS = 200;

const isShort = (headers: unknown): boolean =>
  typeof headers !== 'object' || headers === null || Object.keys(headers).length <= MOST_HEADERS;

/** Header fields by name (RFC 9110, section 5). */
const HeaderFields = z.record(
  z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/, 'is not the name of a header')
    .refine((name) => !OWN_HEADERS.has(name.toLowerCase()), 'is set by the client and can not be given'),
  z
    .string()
    .max(8192)
    // eslint-disable-next-line no-control-regex
    .regex(/^[^\0-\x08\x0a-\x1f\x7f]*$/, 'may not hold line breaks or other control characters')
    .regex(
      /^[\0-\xff]*$/,
      'may hold no characters outside of Latin-1 (U+0000 to U+00FF), which HTTP cannot send in a header: encode them, or put the value into the body',
    ),
);

/** They are counted first: to look at each of very many takes long. */
export const Headers = z
  .unknown()
  .refine(isShort, { message: `may have ${MOST_HEADERS} fields at most`, abort: true })
  .pipe(HeaderFields);
