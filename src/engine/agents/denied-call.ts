const DENIED = 'A person has denied this call, so it was not sent.';

/** Makes the result that a model receives for a call that a person has denied. */
export const denial = (reason: string | null): string =>
  reason === null ? DENIED : `${DENIED} Reason: ${reason}`;

/** Whether the result of a call says that a person has denied it. */
export const isDenial = (result: string): boolean => result.startsWith(DENIED);
