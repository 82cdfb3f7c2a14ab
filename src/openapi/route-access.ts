/** Who may call a route, and whether its requests are counted. */
export interface RouteAccess {
  /** Whether the route needs no credential. */
  isPublic: boolean;
  /** The scope that the caller needs. Undefined if every valid credential will do. */
  scope?: string | undefined;
  /** Whether the route accepts a ticket instead of a credential. */
  acceptsTicket: boolean;
  /** Whether callers on the same machine may need no credential. */
  isForOperators: boolean;
  /** Whether requests count towards RATE_LIMIT_REQUESTS. */
  isThrottled: boolean;
}

/** Finds out the access to a route from the decorators of its handler and its controller. */
export type AccessOf = (handler: () => unknown, controller: new () => unknown) => RouteAccess;
