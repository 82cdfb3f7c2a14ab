import type { ExecutionOptions } from '@cloutagent/contract';

/** Replaces options of a saved workflow by those that a request gives, one by one. An option that it leaves out stays. */
export function mergedOptions(
  ofDefinition: ExecutionOptions,
  given: ExecutionOptions | undefined,
): ExecutionOptions {
  const limits = { ...ofDefinition.limits, ...defined(given?.limits) };
  return { ...ofDefinition, ...defined(given), ...(Object.keys(limits).length > 0 && { limits }) };
}

/** Leaves out members that are undefined. */
const defined = <T extends object>(value: T | undefined): Partial<T> =>
  Object.fromEntries(Object.entries(value ?? {}).filter(([, member]) => member !== undefined)) as Partial<T>;
