/** Wraps objects so that every read of one of their members is counted. Unlike time, the count is the same on every machine. */
export function countReads<T extends object>(objects: readonly T[]): { counted: T[]; reads: () => number } {
  let count = 0;
  const get = (object: T, name: string | symbol): unknown => {
    count += 1;
    return Reflect.get(object, name);
  };
  return { counted: objects.map((object) => new Proxy(object, { get })), reads: () => count };
}
