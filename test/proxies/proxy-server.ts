import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { until } from './application.ts';
import { overHttp1 } from './client.ts';
import { makeFolder, Process } from './processes.ts';
import type { Proxy } from './proxies.ts';
import { freePorts } from '../support/free-ports.ts';

/** A text of a configuration, and the text that replaces it. */
export type Replacement = readonly [text: string, instead: string];

/** Finds a program. Servers are often outside the PATH of an ordinary user. */
export function findProgram(programs: readonly string[]): string | undefined {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin:/opt/homebrew/sbin`;
  const folders = path.split(delimiter);
  return programs.flatMap((program) => folders.map((folder) => join(folder, program))).find(existsSync);
}

/** Returns the text of a configuration with parts replaced. @throws Error if one is missing */
function replaceAll(proxy: Proxy, replacements: readonly Replacement[]): string {
  let text = readFileSync(join(import.meta.dirname, proxy.config), 'utf8');
  for (const [part, instead] of replacements) {
    if (!text.includes(part)) throw new Error(`${proxy.config} does not have ${JSON.stringify(part)}`);
    text = text.replace(part, instead);
  }
  return text;
}

/** A proxy that runs in front of the application, without privileges and in a folder of its own. */
export class ProxyServer {
  readonly port: number;
  /** Where it accepts HTTP/2 without TLS, if its configuration does. */
  readonly port2: number;
  private readonly run: () => Process;
  private readonly name: string;
  private process: Process | undefined;

  private constructor(name: string, ports: readonly [number, number], run: () => Process) {
    this.name = name;
    [this.port, this.port2] = ports;
    this.run = run;
  }

  /**
   * Starts a proxy with its configuration in this folder.
   * @param replacements of texts in the configuration
   * @throws Error if a replaced text is missing, or the proxy does not start
   */
  static async start(
    proxy: Proxy,
    program: string,
    options: { parent: string; upstreamPort: number; replacements?: readonly Replacement[] },
  ): Promise<ProxyServer> {
    const folder = await makeFolder(options.parent, proxy.name);
    const [port = 0, port2 = 0] = await freePorts(2);
    const values: Record<string, string> = {
      PORT: String(port),
      PORT2: String(port2),
      HOST: '127.0.0.1',
      UPSTREAM_PORT: String(options.upstreamPort),
      UPSTREAM: `127.0.0.1:${options.upstreamPort}`,
      FOLDER: folder,
      MODULES: proxy.modules?.find(existsSync) ?? '',
    };
    const text = replaceAll(proxy, options.replacements ?? []);
    const config = join(folder, proxy.config);
    await writeFile(
      config,
      text.replaceAll(/@([A-Z][A-Z0-9_]*)@/g, (_all, name: string) => values[name]!),
    );
    const log = join(folder, 'output.log');
    const run = () => new Process(program, proxy.args(config, folder, port), { folder, log });
    const server = new ProxyServer(proxy.name, [port, port2], run);
    await server.restart();
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    await this.process?.stop();
  }

  /** Starts it with the same configuration and ports, after `stop`. */
  async restart(): Promise<void> {
    const process = this.run();
    this.process = process;
    const fetch = overHttp1(this.origin);
    await until(this.name, process, async () => (await fetch('/health/live')).status === 200);
  }
}
