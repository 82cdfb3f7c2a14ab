/** The reason by which all running nodes are stopped: the execution has ended, or continues in another process. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}
