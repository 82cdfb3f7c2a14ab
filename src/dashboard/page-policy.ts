/**
 * Content Security Policy of the pages. It allows no inline code, no content from other servers and connections only to
 * this server. `data:` is for pictures in results of tools. With `require-trusted-types-for` the browser itself refuses to parse a string as HTML.
 */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "object-src 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join(';');
