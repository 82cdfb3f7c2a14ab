import { ValidationFailedError } from '../problems/problem.error.js';
import type { Precondition } from './workflow-store.js';

/** Returns the entity tag of a version. */
export const etagOf = (version: number): string => `"${version}"`;

const TAG = /^"([1-9][0-9]{0,9})"$/;

/** Reads `If-Match` and `If-None-Match` (RFC 9110, sections 13.1.1 and 13.1.2). @throws ValidationFailedError */
export function preconditionOf(ifMatch: string | undefined, ifNoneMatch: string | undefined): Precondition {
  return {
    ...(ifMatch !== undefined && { ifMatch: tagsOf('If-Match', ifMatch) }),
    ...(ifNoneMatch !== undefined && { ifNoneMatch: tagsOf('If-None-Match', ifNoneMatch) }),
  };
}

function tagsOf(header: string, value: string): 'any' | number[] {
  if (value.trim() === '*') return 'any';
  const tags = value.split(',').map((tag) => TAG.exec(tag.trim())?.[1]);
  if (tags.some((tag) => tag === undefined))
    throw new ValidationFailedError([
      { path: header, message: 'must be * or entity tags as the header ETag has them, for example "3"' },
    ]);
  return tags.map(Number);
}
