/**
 * Content Security Policy of the pages. Nothing inline, nothing from elsewhere, no connection but to this
 * server; `require-trusted-types-for` makes the browser itself refuse to turn a string into HTML.
 */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "object-src 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join(';');
