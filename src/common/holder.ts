/** A resource that was acquired and must be released. Releasing it again does nothing. Works with `using`. */
export class Holder implements Disposable {
  /** @param onRelease releases the resource; called once */
  constructor(private onRelease: (() => void) | undefined) {}

  release(): void {
    const { onRelease } = this;
    this.onRelease = undefined;
    onRelease?.();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
