// nchan is a C module of nginx. One worker runs on the servers' core, and events are published to it over HTTP.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dataOf } from '../load/frame.ts';
import type { Peer } from './peer.ts';

const MODULE = ['/usr/lib/nginx/modules', '/usr/share/nginx/modules', '/usr/local/nginx/modules']
  .map((folder) => join(folder, 'ngx_nchan_module.so'))
  .find(existsSync);

/** Whether this machine has nginx with nchan. The benchmark never installs it. */
export const available = (): boolean => MODULE !== undefined && spawnSync('nginx', ['-v']).status === 0;

export async function start(): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), 'cloutagent-nchan-'));
  const port = await freePort();
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  await writeFile(
    join(folder, 'nginx.conf'),
    `load_module ${MODULE};
     daemon off; master_process off; worker_rlimit_nofile 65536; pid ${folder}/pid; error_log ${folder}/error.log;
     events { worker_connections 20000; }
     http {
       access_log off; ${paths.join(' ')} nchan_shared_memory_size 256M; keepalive_requests 100000000;
       server {
         listen 127.0.0.1:${port} backlog=8192;
         location ~ /pub/(\\d+)$ { nchan_publisher; nchan_channel_id $1; nchan_message_buffer_length 1000; }
         location ~ /sub/(\\d+)$ { nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message newest; }
       }
     }`,
  );
  const nginx = ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf')];
  const child = spawn('taskset', ['-c', '0', ...nginx], { stdio: ['ignore', 'inherit', 'ignore'] });
  while (!(await listens(port))) await sleep(50);
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const posts = new Set<Promise<void>>();
  return {
    port,
    pid: child.pid!,
    path: (channel) => `/sub/${channel}`,
    publish(channel, events) {
      for (const event of events) {
        const [type, data] = [event.type, dataOf(event)];
        const post = new Promise<void>((resolve, reject) => {
          const headers = { 'X-EventSource-Event': type, 'Content-Length': data.length };
          request(
            { agent, port, host: '127.0.0.1', method: 'POST', path: `/pub/${channel}`, headers },
            (response) => {
              response.resume().once('end', resolve);
            },
          )
            .once('error', reject)
            .end(data);
        }).finally(() => posts.delete(post));
        posts.add(post);
      }
    },
    settled: async () => void (await Promise.all(posts)),
    async stop() {
      agent.destroy();
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
