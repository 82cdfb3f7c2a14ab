import type { Principal } from './auth/principal.js';

declare module 'express-serve-static-core' {
  interface Request {
    /** Who is calling; set by AuthGuard on every route that is not public. */
    principal?: Principal;
    requestId?: string;
  }
}
