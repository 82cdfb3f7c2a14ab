import { z } from 'zod';

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

/** Header fields by name (RFC 9110, section 5). */
export const Headers = z.record(
  z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/, 'is not the name of a header')
    .refine((name) => !OWN_HEADERS.has(name.toLowerCase()), 'is set by the client and can not be given'),
  z
    .string()
    .max(8192)
    // eslint-disable-next-line no-control-regex
    .regex(/^[^\0-\x08\x0a-\x1f\x7f]*$/, 'may not hold line breaks or other control characters'),
);
