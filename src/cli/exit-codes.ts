/** Exit codes of the `cloutagent` command. Programs may depend on them. */
export const EXIT = {
  /** The command did what it was asked to do; a watched execution completed. */
  ok: 0,
  /** The watched execution or one of many failed, the file is not valid, or a check of `doctor` failed. */
  failed: 1,
  /** The arguments are wrong. */
  usage: 2,
  /** The watched execution was cancelled. */
  cancelled: 3,
  /** The server refused the request or cannot be reached. */
  server: 4,
  /** The command was interrupted with Ctrl-C (128 + SIGINT). */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
