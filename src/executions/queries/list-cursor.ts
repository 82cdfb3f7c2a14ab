import { z } from 'zod';
import { ValidationFailedError } from '../../problems/problem.error.js';

/** The last item of a page. */
export interface ListPosition {
  id: string;
  /** When it was created, in µs since the epoch. */
  createdUs: string;
}

const POSITION = /^(\d{1,18}) (\S+)$/;

/** Encodes the id of the last item of a page as an opaque cursor. */
export const encodeCursor = (id: string): string => Buffer.from(id).toString('base64url');

/** Encodes the last item of a page that is ordered by time as an opaque cursor. */
export const encodePosition = ({ id, createdUs }: ListPosition): string => encodeCursor(`${createdUs} ${id}`);

/**
 * Decodes a cursor of a list that is ordered by id.
 * @returns the id of the last item of the page before
 * @throws ValidationFailedError
 */
export const decodeCursor = (cursor: string): string => idOf(textOf(cursor));

/**
 * Decodes a cursor of a list that is ordered by time.
 * @returns the last item of the page before
 * @throws ValidationFailedError
 */
export function decodePosition(cursor: string): ListPosition {
  const [, createdUs, id] = POSITION.exec(textOf(cursor)) ?? [];
  if (createdUs === undefined) throw invalid();
  return { id: idOf(id), createdUs };
}

const textOf = (cursor: string): string => Buffer.from(cursor, 'base64url').toString();

function idOf(text: string | undefined): string {
  const id = z.uuid().safeParse(text);
  if (!id.success) throw invalid();
  return id.data;
}

const invalid = (): ValidationFailedError =>
  new ValidationFailedError([
    { path: 'cursor', message: 'must be the nextCursor of the page before, unchanged, with the same filter' },
  ]);
