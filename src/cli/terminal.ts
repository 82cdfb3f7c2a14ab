import { styleText } from 'node:util';
import type { Writable } from 'node:stream';

/** A stream that a command writes to. */
export type Output = Writable & { isTTY?: boolean; columns?: number };

type Format = Parameters<typeof styleText>[0];

/** Writes text for people. Colours appear only on a terminal, and never with NO_COLOR (https://no-color.org). */
export class Terminal {
  readonly isTerminal: boolean;

  constructor(
    private readonly output: Output,
    environment: NodeJS.ProcessEnv,
  ) {
    this.isTerminal = output.isTTY === true;
    this.hasColours = this.isTerminal && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
  }

  private readonly hasColours: boolean;

  write(text: string): void {
    this.output.write(text);
  }

  line(text = ''): void {
    this.output.write(`${text}\n`);
  }

  style(format: Format, text: string): string {
    return this.hasColours ? styleText(format, text, { validateStream: false }) : text;
  }
}

/**
 * Replaces control characters other than line breaks and tabs. Outputs of models and tools could otherwise move the
 * cursor, change the title of the window, or write to the clipboard.
 */
export const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replaceAll(/\r\n?/g, '\n').replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');

/** Returns a table with aligned columns. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  return [header, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(column === row.length - 1 ? 0 : widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
