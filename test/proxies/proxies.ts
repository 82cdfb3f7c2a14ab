/** A proxy that may be installed, and how to run it with its configuration in this folder. */
export interface Proxy {
  readonly name: string;
  /** Names of its program; the first one that exists is run. */
  readonly programs: readonly string[];
  readonly config: string;
  args(config: string, folder: string, port: number): string[];
  /** Arguments with which it prints its version. */
  readonly version: readonly string[];
  /** Whether the configuration also accepts HTTP/2 without TLS, on a second port. */
  readonly http2: boolean;
  /** Folders that may contain the modules, if the configuration loads any. */
  readonly modules?: readonly string[];
  /** Texts that this application needs in the configuration, each with the text that replaces it for `--defaults`. */
  readonly needed: readonly (readonly [text: string, byDefault: string])[];
}

export const PROXIES: readonly Proxy[] = [
  {
    name: 'nginx',
    programs: ['nginx'],
    config: 'nginx.conf',
    args: (config, folder) => ['-p', folder, '-e', 'stderr', '-c', config],
    version: ['-v'],
    http2: true,
    needed: [
      ['      gzip off;\n', ''],
      ['      proxy_buffering off;\n', ''],
      ['    location /api/ {\n      proxy_pass http://@UPSTREAM@;\n      proxy_cache off;\n    }\n', ''],
      ['      proxy_cache off;\n', ''],
      ['    proxy_http_version 1.1;\n', ''],
    ],
  },
  {
    name: 'haproxy',
    programs: ['haproxy'],
    config: 'haproxy.cfg',
    args: (config) => ['-db', '-f', config],
    version: ['-v'],
    http2: true,
    needed: [
      ['  option http-no-delay\n', ''],
      ['  retries 30\n', ''],
    ],
  },
  {
    name: 'caddy',
    programs: ['caddy'],
    config: 'Caddyfile',
    args: (config) => ['run', '--adapter', 'caddyfile', '--config', config],
    version: ['version'],
    http2: true,
    needed: [
      ['encode @other gzip', 'encode gzip'],
      ['\t\tlb_try_duration 30s\n', ''],
    ],
  },
  {
    name: 'apache',
    programs: ['apache2', 'httpd'],
    config: 'apache.conf',
    args: (config) => ['-D', 'FOREGROUND', '-f', config],
    version: ['-v'],
    http2: true,
    modules: ['/usr/lib/apache2/modules', '/usr/lib64/httpd/modules', '/usr/libexec/apache2'],
    needed: [
      [
        'SetEnvIf Request_URI "^/(api/executions/(.+/)?stream$|api/(ai-sdk|ag-ui|a2a)/|v1/|mcp$)" no-gzip=1\n',
        '',
      ],
      [' retry=0 flushpackets=on', ''],
    ],
  },
  {
    name: 'varnish',
    programs: ['varnishd'],
    config: 'varnish.vcl',
    args: (config, folder, port) =>
      `-F -j none -n ${folder}/varnish -T none -s default,64m -a 127.0.0.1:${port} -f ${config}`.split(' '),
    version: ['-V'],
    http2: false,
    needed: [
      [
        '  if (req.url ~ "^/(api/executions/([^?]+/)?stream([?]|$)|api/(ai-sdk|ag-ui|a2a)/|v1/|mcp([?]|$))") { return (pipe); }\n',
        '',
      ],
      ['  set req.http.X-Forwarded-Proto = "http";\n', ''],
    ],
  },
  {
    name: 'squid',
    programs: ['squid'],
    config: 'squid.conf',
    args: (config) => ['-N', '-f', config],
    version: ['-v'],
    http2: false,
    needed: [
      ['originserver login=PASSTHRU', 'originserver'],
      ['request_header_access X-Forwarded-Proto deny all\n', ''],
    ],
  },
  {
    name: 'lighttpd',
    programs: ['lighttpd'],
    config: 'lighttpd.conf',
    args: (config) => ['-D', '-f', config],
    version: ['-v'],
    http2: false,
    needed: [['server.stream-response-body = 1\n', '']],
  },
];
