/** Named moments that some wait for and another announces, in whichever order. */
export class Latches {
  private readonly known = new Map<string, PromiseWithResolvers<void>>();

  reached(name: string): Promise<void> {
    return this.of(name).promise;
  }

  reach(name: string): void {
    this.of(name).resolve();
  }

  private of(name: string): PromiseWithResolvers<void> {
    const known = this.known.get(name) ?? Promise.withResolvers<void>();
    this.known.set(name, known);
    return known;
  }
}
