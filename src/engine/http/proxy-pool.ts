import { type Dispatcher, Pool } from 'undici';
import { codeOf } from './error-code.js';

/** As for connections without a proxy. */
const CONNECT_TIMEOUT_MS = 10_000;

/** The proxy of this server has not made a connection. No request was sent. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
}

/** Connections to a proxy, with errors that name it and a time limit. */
export class ProxyPool extends Pool {
  override connect(options: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData>;
  override connect(
    options: Dispatcher.ConnectOptions,
    callback: (error: Error | null, data: Dispatcher.ConnectData) => void,
  ): void;
  /**
   * Asks the proxy for a tunnel.
   * @throws ProxyError; any error of `targetOf`
   */
  override async connect(options: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData> {
    const [, host = '', port] = /^(.*):(\d+)$/.exec(options.path) ?? [];
    const path = await this.targetOf(host, Number(port));
    // undici gives an object here.
    const headers = { ...(options.headers as Record<string, string>), host: path };
    const timeout = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
    let data: Dispatcher.ConnectData;
    try {
      data = await super.connect({ ...options, path, headers, signal: timeout });
    } catch (cause) {
      if (timeout.aborted)
        throw new ProxyError(
          `The proxy of this server did not connect to ${host} within ${CONNECT_TIMEOUT_MS} ms.`,
          { cause },
        );
      throw new ProxyError(`The proxy of this server cannot be reached (${codeOf(cause)}).`, { cause });
    }
    if (data.statusCode === 200) return data;
    data.socket.on('error', () => undefined).destroy();
    throw new ProxyError(
      `The proxy of this server refused to connect to ${host} (status ${data.statusCode}).`,
    );
  }

  /** Returns what the proxy has to connect to, such as `example.com:443`. @param host an IPv6 address has brackets */
  protected targetOf(host: string, port: number): Promise<string> {
    return Promise.resolve(`${host}:${port}`);
  }
}
