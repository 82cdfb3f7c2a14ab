import type { Json } from '@cloutagent/contract';
import { canonicalJson } from '../../common/canonical-json.js';
import { sha256 } from '../../common/sha256.js';

/** Returns the SHA-256 of a child's input, in hex. A re-run keeps a child only if the hash of its input is the same. */
export const inputHashOf = (input: Json): string => sha256(canonicalJson(input)).toString('hex');
