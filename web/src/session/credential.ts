import type { Me } from '@cloutagent/client';

/** A key and its permissions. The permissions of a key never change. */
export interface Credential {
  key: string;
  me: Me;
}
