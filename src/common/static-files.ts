import type { Response } from 'express';
import type { Stats } from 'node:fs';

/** Files do not change while the process runs, and a new version of them comes with a new process. */
const STARTED = new Date();

/**
 * Options of Express's file server for files of the application. `Last-Modified` alone revalidates them, without `ETag`. It
 * is not before the start of the process: npm and reproducible builds give all files one old time, so a client would keep
 * the files of the version before.
 */
export const STATIC_FILES = {
  etag: false,
  setHeaders: (response: Response, _path: string, { mtime }: Stats): void => {
    response.setHeader('Last-Modified', (mtime > STARTED ? mtime : STARTED).toUTCString());
  },
} as const;
