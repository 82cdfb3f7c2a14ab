import { hash } from 'node:crypto';

/** Returns the SHA-256 digest of a text's UTF-8 bytes: 32 bytes. */
export const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer');
