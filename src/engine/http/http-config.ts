import { z } from 'zod';
import { urlProblem } from './request-url.js';
import { NodeError } from '../extension/node-handler.js';
import { isTemplate } from '../extension/template.js';

/** Headers that the HTTP client sets itself. A config that set them could turn one request into two (request smuggling). */
const CLIENT_HEADERS = new Set([
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

/** A string that may contain placeholders; whether it is a URL is known only when the node runs. */
export const Url = z.string().min(1).max(8192).meta({ placeholders: 'url', secrets: true });

/** Checks a URL that contains no placeholders. Returns its problem with the path in the config. */
export function urlProblems(
  url: string,
  path: (string | number)[],
): { path: (string | number)[]; message: string }[] {
  const problem = isTemplate(url) ? undefined : urlProblem(url);
  return problem === undefined ? [] : [{ path, message: problem }];
}

/** More headers than any server accepts. */
const MAX_HEADERS = 200;

const isShort = (headers: unknown): boolean =>
  typeof headers !== 'object' || headers === null || Object.keys(headers).length <= MAX_HEADERS;

/** Header fields by name (RFC 9110, section 5). */
const HeaderFields = z.record(
  z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/, 'is not a valid header name')
    .refine((name) => !CLIENT_HEADERS.has(name.toLowerCase()), 'is set by the HTTP client: remove it'),
  z
    .string()
    .max(8192, 'may have at most 8192 characters')
    // eslint-disable-next-line no-control-regex
    .regex(/^[^\0-\x08\x0a-\x1f\x7f]*$/, 'may not contain line breaks or other control characters')
    .regex(
      /^[\0-\xff]*$/,
      'may contain only Latin-1 characters (U+0000 to U+00FF), because HTTP cannot send others in a header: encode them, or put the value into the body',
    ),
);

/** The fields are counted first, because checking a very large number of them would take long. */
export const Headers = z
  .unknown()
  .refine(isShort, { message: `may have at most ${MAX_HEADERS} fields`, abort: true })
  .pipe(HeaderFields)
  .meta({ secrets: true });

/**
 * Checks headers again after the values of secrets were put into them.
 * @throws NodeError `invalid_config`
 */
export function assertHeaders(headers: Readonly<Record<string, string>>): void {
  const issue = HeaderFields.safeParse(headers).error?.issues[0];
  if (issue)
    throw new NodeError(
      'invalid_config',
      `The header ${issue.path.join('.')} is not valid after its secrets were filled in: it ${issue.message}.`,
    );
}
