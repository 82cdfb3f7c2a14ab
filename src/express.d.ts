import type { Principal } from './auth/principal.js';

declare module 'express-serve-static-core' {
  interface Request {
    /** The caller. AuthGuard sets it on every route that is not public. */
    principal?: Principal;
    requestId?: string;
  }
}
