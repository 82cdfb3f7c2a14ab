import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROXIES } from './proxies.js';

const read = (path: string) => readFile(join(import.meta.dirname, path), 'utf8');
const linesOf = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
/** Language of each proxy's code block in docs/proxies.md. */
const LANGUAGES: Record<string, string> = {
  nginx: 'nginx',
  haproxy: 'haproxy',
  caddy: 'caddy',
  apache: 'apache',
  varnish: 'vcl',
  squid: 'squid',
  lighttpd: 'lighttpd',
};

describe.each(PROXIES)('the configuration of $name', ({ name, config, needed }) => {
  it('contains every line of its code block in docs/proxies.md', async () => {
    const docs = await read('../../docs/proxies.md');
    const block = new RegExp(`^\`\`\`${LANGUAGES[name]}\\n([^]*?)^\`\`\``, 'm').exec(docs)?.[1] ?? '';
    const tested = (await read(config))
      .replaceAll('@UPSTREAM@', '127.0.0.1:3000')
      .replaceAll('@HOST@', '127.0.0.1')
      .replaceAll('@UPSTREAM_PORT@', '3000');
    expect(linesOf(block).length).toBeGreaterThan(1);
    expect(linesOf(tested)).toEqual(expect.arrayContaining(linesOf(block)));
  });

  it('contains each text that a run with --defaults replaces', async () => {
    const text = await read(config);
    for (const [part] of needed) expect(text).toContain(part);
  });
});
