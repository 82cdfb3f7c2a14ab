import { z } from 'zod';
import { ValidationFailedError } from '../../problems/problem.error.js';

/** The last item of a page. */
export interface ListPosition {
  id: string;
  /** When it was created, in µs since the epoch, if the list is ordered by time. */
  createdUs?: string | undefined;
}

const POSITION = /^(?:(\d{1,18}) )?(\S*)$/;

/** Encodes the id of the last item of a page as an opaque cursor. */
export const encodeCursor = (id: string): string => encodePosition({ id });

/** Encodes the last item of a page as an opaque cursor. */
export const encodePosition = ({ id, createdUs }: ListPosition): string =>
  Buffer.from(createdUs === undefined ? id : `${createdUs} ${id}`).toString('base64url');

/**
 * Decodes a cursor of a list that is ordered by id.
 * @returns the id of the last item of the page before
 * @throws ValidationFailedError
 */
export const decodeCursor = (cursor: string): string => decodePosition(cursor, false).id;

/**
 * Decodes a cursor.
 * @param isByTime whether the list is ordered by time, because its query has a time
 * @returns the last item of the page before
 * @throws ValidationFailedError
 */
export function decodePosition(cursor: string, isByTime: boolean): ListPosition {
  const [, createdUs, text] = POSITION.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  const id = z.uuid().safeParse(text);
  if (!id.success || (createdUs !== undefined) !== isByTime)
    throw new ValidationFailedError([
      {
        path: 'cursor',
        message: 'must be the nextCursor of the page before, unchanged, with the same filter',
      },
    ]);
  return { id: id.data, createdUs };
}
