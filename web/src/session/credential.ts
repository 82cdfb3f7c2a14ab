import type { Me } from '@cloutagent/client';

/** A key, and what the server says of it. What a key may never changes. */
export interface Credential {
  key: string;
  me: Me;
}
