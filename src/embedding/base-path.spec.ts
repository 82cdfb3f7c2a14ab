import { ApplicationConfig } from '@nestjs/core';
import { basePath, checkPath, EmbeddingError } from './base-path.js';

/** A configuration as `app.setGlobalPrefix` leaves it. */
function config(prefix: string, ...patterns: RegExp[]): ApplicationConfig {
  const made = new ApplicationConfig();
  made.setGlobalPrefix(prefix);
  made.setGlobalPrefixOptions({
    exclude: patterns.map((pathRegex) => ({ path: '', pathRegex, requestMethod: 5 })),
  });
  return made;
}

describe('checkPath', () => {
  it.each([
    ['', ''],
    ['/', ''],
    ['agents', '/agents'],
    ['/agents/', '/agents'],
    ['internal//agents', '/internal/agents'],
  ])('reads %j as %j', (given, expected) => {
    expect(checkPath(given)).toBe(expected);
  });

  it.each([':tenant', 'a/*rest', 'a b', '..', 'a/../b', 'a?b', 'a#b', '{a}', '%2e', 'ä'])(
    'refuses %j',
    (given) => {
      expect(() => checkPath(given)).toThrow(EmbeddingError);
    },
  );
});

describe('basePath', () => {
  it('is the path alone without a prefix', () => {
    expect(basePath('/agents', config(''))).toBe('/agents');
  });

  it.each(['v1', '/v1', 'v1/', '/v1/'])('begins with the global prefix %j', (prefix) => {
    expect(basePath('/agents', config(prefix))).toBe('/v1/agents');
  });

  it.each([/^\/agents$/, /^\/agents\/.*$/])('has no prefix if %s excludes it', (pattern) => {
    expect(basePath('/agents', config('v1', pattern))).toBe('/agents');
  });

  it('has the prefix if another path is excluded', () => {
    expect(basePath('/agents', config('v1', /^\/health$/))).toBe('/v1/agents');
  });
});
