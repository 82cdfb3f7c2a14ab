import { PassThrough } from 'node:stream';
import { NodeLines } from './node-lines.js';
import { printable, table, Terminal } from './terminal.js';

function open(isTTY: boolean): { lines: NodeLines; shown: () => string } {
  const output = Object.assign(new PassThrough(), { isTTY });
  let text = '';
  output.on('data', (data: Buffer) => (text += data.toString()));
  return { lines: new NodeLines(new Terminal(output, { NO_COLOR: '1' })), shown: () => text };
}

it('prints complete lines only, each under its node, if the output is not a terminal', () => {
  const { lines, shown } = open(false);
  lines.add('a', 'one ');
  lines.add('b', 'other\nnext');
  lines.add('a', 'line\n');
  expect(shown()).toBe('b │ other\na │ one line\n');
  lines.endAll();
  expect(shown()).toBe('b │ other\na │ one line\nb │ next\n');
});

it('writes the text of one node as it arrives on a terminal, and keeps the lines of others whole', () => {
  const { lines, shown } = open(true);
  lines.add('a', 'one ');
  lines.add('b', 'oth');
  lines.add('a', 'line');
  expect(shown()).toBe('a │ one line');
  lines.end('a');
  lines.add('b', 'er');
  lines.endAll();
  expect(shown()).toBe('a │ one line\nb │ other\n');
});

it('breaks an unfinished line for a line of its own', () => {
  const { lines, shown } = open(true);
  lines.add('a', 'half');
  lines.print('done');
  lines.add('a', ' more');
  lines.endAll();
  expect(shown()).toBe('a │ half\ndone\na │  more\n');
});

it('replaces control characters, which could act on the terminal', () => {
  expect(printable('a\u001b[2J\u0007b\tc\r\nd')).toBe('a\ufffd[2J\ufffdb\tc\nd');
});

it('aligns the columns of a table', () => {
  expect(table(['A', 'B'], [['long', 'x']])).toEqual(['A     B', 'long  x']);
});
