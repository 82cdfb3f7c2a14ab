/**
 * Copies the state of a format. Texts are shared, so a state with a long answer costs little.
 * @param format its name, for the error
 * @throws Error if the state has anything but plain data
 */
export function copyState(state: object, format: string): object {
  return copy(state, `the state of the format ${format}`) as object;
}

function copy(value: unknown, path: string): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') throw notPlain(path, typeof value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item, index) => copy(item, `${path}[${index}]`));
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype !== Object.prototype && prototype !== null)
    throw notPlain(path, value.constructor?.name ?? 'an object');
  const copied = Object.create(prototype) as Record<string, unknown>;
  for (const [name, member] of Object.entries(value))
    if (name === '__proto__')
      Object.defineProperty(copied, name, {
        value: copy(member, `${path}.${name}`),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    else copied[name] = copy(member, `${path}.${name}`);
  return copied;
}

const notPlain = (path: string, found: string): Error =>
  new Error(`${path} is a ${found}: use plain objects, arrays, texts, numbers and booleans`);
