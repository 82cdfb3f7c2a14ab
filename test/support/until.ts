/**
 * Waits until `find` finds something.
 * @throws Error after 30 s
 */
export async function until<T>(what: string, find: () => Promise<T | undefined | false>): Promise<T> {
  for (const deadline = Date.now() + 30_000; ;) {
    const found = await find();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited 30 s until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
