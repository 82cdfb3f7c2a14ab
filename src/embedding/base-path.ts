import type { ApplicationConfig } from '@nestjs/core';

const SEGMENT = /^[A-Za-z0-9._~-]+$/;

/** The options of `ExecutionsModule` are wrong, or do not fit the application. The message says what to do. */
export class EmbeddingError extends Error {
  override readonly name = 'EmbeddingError';
}

/**
 * Brings a path into the form `/a/b`, or an empty text for the root.
 * @throws EmbeddingError if it is more than plain segments
 */
export function checkPath(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '');
  if (!segments.every((segment) => SEGMENT.test(segment) && !/^\.+$/.test(segment)))
    throw new EmbeddingError(
      `path is ${JSON.stringify(path)}, but must be segments of letters, digits, - . _ and ~, for example agents or internal/agents.`,
    );
  return segments.map((segment) => `/${segment}`).join('');
}

/**
 * Returns the path in the host's URLs, without a slash at its end. The host's global prefix applies as to a controller of
 * the host, unless its `exclude` covers the path. The host sets the prefix after its modules are created, so call this in
 * `onModuleInit` or later.
 * @param path as `checkPath` returns it
 */
export function basePath(path: string, config: ApplicationConfig): string {
  const prefix = config
    .getGlobalPrefix()
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => `/${segment}`)
    .join('');
  const { exclude = [] } = config.getGlobalPrefixOptions();
  // Patterns such as `agents` and `agents/*path` are both meant to exclude everything below the path.
  const paths = [path, `${path}/api/executions`];
  const isExcluded = exclude.some(({ pathRegex }) => paths.some((each) => pathRegex.test(each)));
  return isExcluded ? path : prefix + path;
}
