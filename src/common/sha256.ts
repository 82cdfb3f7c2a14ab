import { hash } from 'node:crypto';

/** Returns the SHA-256 digest of bytes, or of a text's UTF-8 bytes: 32 bytes. */
export const sha256 = (data: string | Uint8Array): Buffer => hash('sha256', data, 'buffer');
