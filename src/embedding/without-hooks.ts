const HOOKS: ReadonlySet<PropertyKey> = new Set([
  'onModuleInit',
  'onApplicationBootstrap',
  'onModuleDestroy',
  'beforeApplicationShutdown',
  'onApplicationShutdown',
]);

/**
 * Returns a service in a form whose lifecycle hooks the host does not see. The server's own container calls them; the host
 * would call them once more.
 */
export function withoutHooks<T extends object>(service: T): T {
  if (![...HOOKS].some((name) => name in service)) return service;
  return new Proxy(service, {
    get: (target, name) => (HOOKS.has(name) ? undefined : (Reflect.get(target, name) as unknown)),
    has: (target, name) => !HOOKS.has(name) && Reflect.has(target, name),
  });
}
