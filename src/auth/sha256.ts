import { hash } from 'node:crypto';

/** How keys and tickets are kept: they have 256 random bits, so no slow hash is called for. */
export const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer');
