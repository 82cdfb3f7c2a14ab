import { printable, type Terminal } from './terminal.js';

/**
 * Prints the texts of several nodes, each line under its node's name. On a terminal one node writes as its text arrives;
 * the lines of the others wait until they are complete. Elsewhere only complete lines are printed.
 */
export class NodeLines {
  /** The unfinished line of each node, by node id. */
  private readonly unfinished = new Map<string, string>();
  /** The node whose unfinished line is on the terminal. */
  private writing: string | undefined;

  constructor(private readonly terminal: Terminal) {}

  add(nodeId: string, chunk: string, style: (text: string) => string = (text) => text): void {
    const lines = printable(chunk).split('\n');
    const last = lines.pop()!;
    for (const line of lines) this.complete(nodeId, line, style);
    if (last === '') return;
    if (this.terminal.isTerminal && (this.writing === undefined || this.writing === nodeId)) {
      if (this.writing === undefined)
        this.terminal.write(this.prefix(nodeId) + style(this.unfinished.get(nodeId) ?? ''));
      this.terminal.write(style(last));
      this.unfinished.delete(nodeId);
      this.writing = nodeId;
    } else this.unfinished.set(nodeId, (this.unfinished.get(nodeId) ?? '') + style(last));
  }

  /** Ends the unfinished line of a node. */
  end(nodeId: string): void {
    if (this.writing === nodeId) {
      this.terminal.line();
      this.writing = undefined;
    }
    const rest = this.unfinished.get(nodeId);
    if (rest !== undefined) {
      this.unfinished.delete(nodeId);
      this.print(this.prefix(nodeId) + rest);
    }
  }

  /** Ends all unfinished lines. */
  endAll(): void {
    if (this.writing !== undefined) this.end(this.writing);
    for (const nodeId of this.unfinished.keys()) this.end(nodeId);
  }

  /** Prints a line of its own, and breaks the line that a node is writing. */
  print(line: string): void {
    if (this.writing !== undefined) {
      this.terminal.line();
      this.writing = undefined;
    }
    this.terminal.line(line);
  }

  private complete(nodeId: string, line: string, style: (text: string) => string): void {
    if (this.writing === nodeId) {
      this.terminal.line(style(line));
      this.writing = undefined;
      return;
    }
    const start = this.unfinished.get(nodeId) ?? '';
    this.unfinished.delete(nodeId);
    this.print(this.prefix(nodeId) + start + style(line));
  }

  private prefix(nodeId: string): string {
    return this.terminal.style('cyan', `${printable(nodeId)} │ `);
  }
}
