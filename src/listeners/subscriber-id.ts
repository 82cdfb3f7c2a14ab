const PREFIX = 'listener:';

/** Returns the id that the durable listener with this name has among all durable subscribers. */
export const subscriberIdOf = (name: string): string => `${PREFIX}${name}`;

/** Returns the name of the durable listener with this id. */
export const listenerNameOf = (id: string): string => id.slice(PREFIX.length);

/** Pattern of the ids of listeners, for LIKE. */
export const LISTENERS = `${PREFIX}%`;
