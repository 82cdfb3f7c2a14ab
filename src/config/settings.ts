import { MAX_EDGES, MAX_NODES } from '@cloutagent/contract';
import { z } from 'zod';
import { isVisibleAscii } from '../common/visible-ascii.js';
import { jsonSetting } from './json-setting.js';
import { headerName, headerValue, McpServersSetting } from './mcp-servers-setting.js';
import { isNatsUrls } from './nats-urls.js';
import { SecretKeysSetting } from './secret-keys-setting.js';

const text = z.string().trim().min(1);
const port = z.coerce.number().int().min(0).max(65_535);
const count = (fallback: number, min = 1, max = Number.MAX_SAFE_INTEGER) =>
  z.coerce.number().int().min(min).max(max).default(fallback);
/** A duration; setTimeout takes no more than 2^31 - 1 ms. */
const ms = (fallback: number, min = 1) => count(fallback, min, 2_147_483_647);
const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((value) => value === 'true');
const list = z
  .string()
  .default('')
  .transform((value) =>
    value
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean),
  );
/** Durations, separated by commas. */
const delays = (fallback: string) =>
  z
    .string()
    .regex(/^\d{1,10}(,\d{1,10}){0,49}$/, 'must be 1 to 50 durations in ms, separated by commas: 5000,300000')
    .default(fallback)
    .transform((value) => value.split(',').map(Number))
    .refine((values) => values.every((value) => value <= 2_147_483_647), 'must have durations below 2^31 ms');
const webUrl = z
  .url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })
  .refine((value) => {
    const { username, password } = URL.parse(value) ?? { username: '', password: '' };
    return username === '' && password === '';
  }, 'must not contain a user name or password: fetch refuses such a URL');
/** A proxy. It may have a user name and a password. */
const proxyUrl = z.url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' });
const NOT_VISIBLE_ASCII = 'must be visible ASCII without spaces: it is sent in a header';
/** A credential that this server sends in a header. */
const sentCredential = text.refine(isVisibleAscii, NOT_VISIBLE_ASCII);
/** A credential that clients send to this server in a header. */
const receivedCredential = z
  .string()
  .min(32, 'must have at least 32 characters, for example the output of: openssl rand -hex 32')
  .max(512)
  .refine(isVisibleAscii, NOT_VISIBLE_ASCII);
/** The upper bound keeps every sum a number that JSON can have. */
const usd = z.number().min(0).max(1_000_000);
const rates = {
  input: usd,
  output: usd,
  /** Of input tokens that are read from the provider's cache; by default as `input`. */
  cachedRead: usd.optional(),
  /** Of input tokens that are written to the provider's cache; by default as `input`. */
  cachedWrite: usd.optional(),
  /** Of reasoning tokens; by default as `output`. */
  reasoning: usd.optional(),
};
/** The price of a model, in USD per million tokens. */
export const ModelPrice = z.strictObject({
  ...rates,
  /** The price of a call whose prompt has more tokens than `above`. */
  longPrompt: z.strictObject({ above: z.number().int().min(1), ...rates }).optional(),
});
export type ModelPrice = z.infer<typeof ModelPrice>;

const modelPrices = jsonSetting('{"openai-compatible/my-model":{"input":0.5,"output":1.5}}').pipe(
  z.record(z.string(), ModelPrice),
);

/** A setting that is a JSON object by name. @param example a valid value */
const jsonByName = <T extends z.ZodType>(entry: T, example: string) =>
  jsonSetting(example).pipe(
    z.record(
      z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must have 1 to 64 letters, digits and . _ -'),
      entry,
    ),
  );

/** A server with OpenAI's chat completions. */
const ModelEndpoint = z.strictObject({
  baseUrl: webUrl,
  apiKey: sentCredential.optional(),
  /** Sent with each request. The values are secrets. */
  headers: z.record(headerName, headerValue).optional(),
  /** By the name of the model at the endpoint. */
  prices: z.record(z.string(), ModelPrice).optional(),
  /** Whether the server takes a JSON Schema as `response_format`. Otherwise it is only asked for JSON. Default true. */
  structuredOutputs: z.boolean().optional(),
});
export type ModelEndpoint = z.infer<typeof ModelEndpoint>;

/** Time limits of the calls of one provider. */
const ModelTimeouts = z.strictObject({
  idleMs: z.number().int().min(1).max(2_147_483_647).optional(),
  totalMs: z.number().int().min(1).max(2_147_483_647).optional(),
});

/** Whether a value equals what a browser sends as Origin. An origin with a slash at its end would never match. */
const isOrigin = (value: string): boolean =>
  value === '*' || (URL.canParse(value) && new URL(value).origin === value);

/** A token (RFC 9110, section 5.6.2). The star, which means all headers, is a token too. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Every setting, under the name of its environment variable. `.env.example` describes each one. Durations are in ms and
 * sizes in bytes. The rest of the code reads settings only from here, never from the environment.
 */
const SettingsSchema = z
  .object({
    PORT: port.default(3000),
    HOST: text.default('127.0.0.1'),
    DATABASE_URL: z
      .url({
        protocol: /^postgres(ql)?$/,
        error: 'must be like postgres://user:password@localhost:5432/cloutagent',
      })
      .optional(),
    DATA_DIR: text.optional(),
    WEB_DIR: text.optional(),
    DATABASE_POOL_SIZE: count(10, 2, 1000),
    DATABASE_CONNECT_TIMEOUT_MS: ms(10_000),
    DATABASE_QUERY_TIMEOUT_MS: ms(60_000),

    BOOTSTRAP_API_KEY: receivedCredential.optional(),
    JWT_SECRET: z.string().min(32, 'must have at least 32 characters (RFC 7518, section 3.2)').optional(),
    JWKS_URL: webUrl.optional(),
    JWKS_TIMEOUT_MS: ms(5_000),
    JWKS_COOLDOWN_MS: ms(30_000, 0),
    JWKS_MAX_AGE_MS: ms(600_000, 0),
    JWT_ISSUER: text.optional(),
    JWT_AUDIENCE: text.optional(),
    TICKET_TTL_MS: ms(60_000),
    TICKET_RESUME_TTL_MS: ms(21_600_000, 0),
    CREDENTIAL_CHECK_INTERVAL_MS: ms(10_000),
    AUTH_STRATEGY_TIMEOUT_MS: ms(5_000),
    MAX_CALLS_PER_AUTH_STRATEGY: count(100),
    KEY_REQUEST_TTL_MS: ms(86_400_000),
    MAX_AUTH_FAILURES_PER_MINUTE: count(1_000),

    CORS_ORIGINS: list,
    CORS_ALLOWED_HEADERS: list,
    TRUST_PROXY: z.union([z.literal(''), text]).default(''),
    HSTS_MAX_AGE_SECONDS: count(0, 0),
    HSTS_INCLUDE_SUBDOMAINS: flag,
    REQUEST_HEADERS_TIMEOUT_MS: ms(15_000),
    REQUEST_TIMEOUT_MS: ms(60_000),
    BODY_MAX_BYTES: count(1_048_576),
    BATCH_MAX_BYTES: count(8_388_608),
    BATCH_MAX_JSON_PARTS: count(100_000),
    MAX_PREFER_WAIT_MS: ms(60_000, 0),
    OPENAI_WAIT_TIMEOUT_MS: ms(600_000, 0),
    A2A_WAIT_TIMEOUT_MS: ms(50_000, 0),
    MAX_TASKS_PER_A2A_CONTEXT: count(50, 0, 1_000),
    RATE_LIMIT_REQUESTS: count(10_000),
    RATE_LIMIT_WINDOW_MS: ms(60_000),
    MAX_JSON_DEPTH: count(32, 1, 1_000),
    MAX_JSON_PARTS: count(20_000),
    MAX_WORKFLOWS_PER_PROJECT: count(1_000),
    MAX_VERSIONS_PER_WORKFLOW: count(1_000),
    MAX_ALIASES_PER_WORKFLOW: count(100),
    WORKFLOW_CACHE_MAX_BYTES: count(8_388_608, 0),
    MAX_WORKFLOW_NODES: count(500, 1, MAX_NODES),
    MAX_WORKFLOW_EDGES: count(2_000, 1, MAX_EDGES),
    MAX_WORKFLOW_DEPTH: count(100),

    HEARTBEAT_INTERVAL_MS: ms(15_000),
    STREAM_RETRY_MS: ms(2_000),
    STREAM_STALL_TIMEOUT_MS: ms(60_000),
    MAX_STREAMS_PER_PRINCIPAL: count(5_000),
    MAX_STREAMS_PER_EXECUTION: count(10_000),
    MAX_STREAMS_PER_ADDRESS: count(10_000),
    CHANNEL_BUFFER_MAX_BYTES: count(1_048_576),
    MULTI_STREAM_BUFFER_MAX_BYTES: count(16_384, 0),
    MULTI_STREAM_MAX_EXECUTIONS: count(500, 1, 1_000),
    MULTI_STREAM_MAX_IDS: count(100, 1, 1_000),
    STREAM_WRITE_MAX_BYTES: count(65_536),
    STREAM_COMPRESSION: z.enum(['off', 'gzip']).default('off'),
    STREAM_COMPRESSION_MIN_BYTES: count(512),
    STREAM_COMPRESSION_TURN_MAX_BYTES: count(262_144),
    STREAM_COMPRESSION_CACHE_MAX_BYTES: count(4_194_304, 0),
    STREAM_MAX_AGE_MS: ms(14_400_000, 0),
    CATCH_UP_PAGE_MAX_BYTES: count(262_144),
    CATCH_UP_CACHE_MAX_BYTES: count(16_777_216, 0),
    MAX_CATCH_UP_READS_PER_PROCESS: count(4),

    MAX_EVENTS_PER_FLUSH: count(5_000),
    MAX_FLUSHES_PER_PROCESS: count(2, 1, 100),
    JOURNAL_POLL_INTERVAL_MS: ms(5_000),
    JOURNAL_PACK_AFTER_MS: ms(600_000, 0),
    JOURNAL_PACK_EVENTS_PER_SECOND: count(20_000, 0),
    RETENTION_DAYS: count(30),
    RETENTION_SWEEP_INTERVAL_MS: ms(3_600_000),
    UNDELIVERED_RETENTION_DAYS: count(7, 0),

    MAX_EXECUTIONS_PER_OPERATION: count(100_000, 1, 10_000_000),
    MAX_OPERATION_STEPS_PER_SECOND: count(100, 1, 100_000),
    OPERATION_POLL_INTERVAL_MS: ms(2_000),
    MAX_INTERVALS_PER_STATS: count(744, 1, 100_000),
    STATS_TIMEOUT_MS: ms(10_000),
    LIST_TIMEOUT_MS: ms(5_000),
    COUNT_SUM_INTERVAL_MS: ms(5_000),

    MAX_DELIVERIES_PER_SUBSCRIBER: count(10, 1, 1_000),
    MAX_ATTEMPTS_PER_DELIVERY: count(15, 1, 1_000_000),
    DELIVERY_TIMEOUT_MS: ms(30_000),
    DELIVERY_LEASE_MS: ms(30_000, 300),
    DELIVERY_RETRY_BASE_MS: ms(1_000),
    DELIVERY_RETRY_MAX_MS: ms(300_000),

    MAX_WEBHOOKS_PER_PROJECT: count(100, 0),
    MAX_SECRETS_PER_WEBHOOK: count(5, 1, 20),
    MAX_DELIVERIES_PER_WEBHOOK: count(5, 1, 1_000),
    MAX_WEBHOOK_DELIVERIES_PER_PROCESS: count(100, 2, 10_000),
    MAX_EXECUTIONS_PER_REPLAY: count(10_000),
    MAX_LOGGED_ATTEMPTS_PER_WEBHOOK: count(1_000),
    WEBHOOK_LOG_DAYS: count(7),
    WEBHOOK_TIMEOUT_MS: ms(20_000),
    WEBHOOK_RESPONSE_MAX_BYTES: count(8_192, 0),
    WEBHOOK_THROTTLE_MS: ms(30_000),
    WEBHOOK_RETRY_DELAYS_MS: delays(
      '5000,300000,1800000,7200000,18000000,36000000,50400000,72000000,86400000',
    ),

    MAX_EXECUTIONS_PER_PROCESS: count(500),
    MAX_EXECUTIONS_PER_PROJECT: count(200),
    MAX_WAITING_PER_PROCESS: count(10_000, 0),
    MAX_PARALLEL_NODES_PER_EXECUTION: count(16),
    EXECUTION_TIMEOUT_MS: ms(3_600_000),
    NODE_TIMEOUT_MS: ms(600_000),
    MAX_RECOVERIES_PER_EXECUTION: count(25),
    OUTPUT_MAX_BYTES: count(1_048_576),
    OUTPUTS_MAX_BYTES: count(8_388_608),
    OUTPUT_MAX_DEPTH: count(100, 1, 1_000),
    OUTPUT_MAX_PARTS: count(20_000),
    CONFIG_MAX_BYTES: count(4_194_304),
    EXTENSION_TIMEOUT_MS: ms(10_000),
    TOOL_TIMEOUT_MS: ms(30_000),
    MESSAGE_FILE_MAX_BYTES: count(5_242_880),
    MESSAGE_FILES_MAX_BYTES: count(10_485_760),
    MAX_MESSAGE_FILES: count(20, 0),
    RETRY_BASE_MS: ms(500),
    RETRY_MAX_MS: ms(30_000),
    RETRY_AFTER_MAX_MS: ms(3_600_000, 0),
    LONG_RETRY_DELAY_MS: ms(10_000, 0),
    PARK_TIMEOUT_MS: ms(2_000, 0),
    TIMER_POLL_INTERVAL_MS: ms(1_000, 10),
    MAX_CHILD_DEPTH: count(8, 0, 100),
    MAX_CHILDREN: count(10_000, 0, 1_000_000),
    CANCEL_GRACE_MS: ms(10_000),
    MAX_SIGNALS_PER_EXECUTION: count(1_000, 0),
    SIGNAL_MAX_BYTES: count(262_144),
    SCHEMA_MAX_BYTES: count(65_536),
    PUBLIC_URL: webUrl.optional(),
    MAX_SCHEDULES_PER_PROJECT: count(1_000, 0),
    MAX_QUEUED_PER_SCHEDULE: count(100, 1, 1_000),
    SCHEDULE_MIN_INTERVAL_MS: ms(60_000, 60_000),
    SCHEDULE_LATE_TIMEOUT_MS: ms(60_000, 1_000),
    MAX_TRIGGERS_PER_PROJECT: count(1_000, 0),
    TRIGGER_MAX_BYTES: count(1_048_576),
    TRIGGER_SIGNATURE_TIMEOUT_MS: ms(300_000, 1_000),
    MAX_START_DELAY_DAYS: count(366, 0, 36_500),
    DISPATCH_POLL_INTERVAL_MS: ms(2_000),
    NATS_URL: text
      .refine(
        isNatsUrls,
        'must be like nats://user:password@localhost:4222; several have commas between them',
      )
      .optional(),
    NATS_CREDENTIALS_FILE: text.optional(),
    NATS_SUBJECT_PREFIX: z
      .string()
      .regex(
        /^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,4}$/,
        'must be up to five words with dots between them',
      )
      .default('cloutagent'),
    PROCESS_CHECK_INTERVAL_MS: ms(250),
    PROCESS_RECONNECT_TIMEOUT_MS: ms(5_000),
    PROCESS_TIMEOUT_MS: ms(20_000, 100),
    SHUTDOWN_TIMEOUT_MS: ms(10_000),

    HTTP_ALLOWED_HOSTS: list,
    HTTP_RESPONSE_MAX_BYTES: count(1_048_576),
    HTTP_TIMEOUT_MS: ms(30_000),
    TRANSFORM_TIMEOUT_MS: ms(5_000),
    TRANSFORM_MEMORY_MB: count(64, 16),
    MAX_TRANSFORM_PROCESSES: count(4, 2),
    CHECK_TIMEOUT_MS: ms(1_000),
    MAX_CHECK_PROCESSES: count(2, 2),

    ANTHROPIC_API_KEY: sentCredential.optional(),
    ANTHROPIC_BASE_URL: webUrl.optional(),
    OPENAI_COMPATIBLE_BASE_URL: webUrl.optional(),
    OPENAI_COMPATIBLE_API_KEY: sentCredential.optional(),
    OPENAI_API_KEY: sentCredential.optional(),
    OPENAI_BASE_URL: webUrl.optional(),
    GOOGLE_API_KEY: sentCredential.optional(),
    GOOGLE_BASE_URL: webUrl.optional(),
    MISTRAL_API_KEY: sentCredential.optional(),
    MISTRAL_BASE_URL: webUrl.optional(),
    MODEL_ENDPOINTS: jsonByName(ModelEndpoint, '{"local":{"baseUrl":"http://127.0.0.1:11434/v1"}}'),
    MODEL_PRICES: modelPrices,
    MODEL_IDLE_TIMEOUT_MS: ms(120_000),
    MODEL_TIMEOUTS: jsonByName(ModelTimeouts, '{"anthropic":{"idleMs":60000,"totalMs":600000}}'),
    HTTP_PROXY: proxyUrl.optional(),
    HTTPS_PROXY: proxyUrl.optional(),
    NO_PROXY: z.string().optional(),
    MODEL_EVENT_MAX_BYTES: count(16_777_216, 1_024),

    MCP_SERVERS: McpServersSetting,
    MCP_CONNECT_TIMEOUT_MS: ms(15_000),
    MCP_TIMEOUT_MS: ms(60_000),
    MCP_TOTAL_TIMEOUT_MS: ms(300_000),
    MCP_MAX_TOOLS: count(128, 1, 10_000),
    MCP_RESPONSE_MAX_BYTES: count(2_097_152, 1_024),
    MCP_TOOL_WAIT_MS: ms(50_000, 0),
    MCP_ELICITATION_TIMEOUT_MS: ms(600_000),

    SECRETS_KEY: SecretKeysSetting.optional(),
    MAX_SECRETS_PER_PROJECT: count(1_000, 0),
    MAX_VARIABLES_PER_PROJECT: count(1_000, 0),
    VARIABLE_MAX_BYTES: count(65_536),

    METRICS_TOKEN: receivedCredential.optional(),
    MAX_METRICS_MODELS: count(100),

    LOG_LEVEL: z.enum(['error', 'warn', 'log', 'debug']).default('warn'),
    BLOCKED_LOOP_WARNING_MS: ms(500, 0),
    LOG_FORMAT: z.enum(['auto', 'json', 'text']).default('auto'),
  })
  .superRefine((settings, context) => {
    if (!settings.CORS_ORIGINS.every(isOrigin)) {
      context.addIssue({
        code: 'custom',
        path: ['CORS_ORIGINS'],
        message: 'must be comma-separated origins without a path, for example https://app.example.com',
      });
    }
    if (!settings.CORS_ALLOWED_HEADERS.every((name) => HEADER_NAME.test(name))) {
      context.addIssue({
        code: 'custom',
        path: ['CORS_ALLOWED_HEADERS'],
        message: 'must be comma-separated header names, for example X-Tenant,X-Datadog-Trace-Id',
      });
    }
    if (settings.HSTS_MAX_AGE_SECONDS > 0 && ['', 'false', '0'].includes(settings.TRUST_PROXY)) {
      context.addIssue({
        code: 'custom',
        path: ['HSTS_MAX_AGE_SECONDS'],
        message:
          'needs TRUST_PROXY: the server learns only from a trusted proxy that a request came over HTTPS',
      });
    }
    if (settings.HSTS_INCLUDE_SUBDOMAINS && settings.HSTS_MAX_AGE_SECONDS === 0) {
      context.addIssue({
        code: 'custom',
        path: ['HSTS_INCLUDE_SUBDOMAINS'],
        message: 'needs HSTS_MAX_AGE_SECONDS, for example 31536000',
      });
    }
    if (settings.REQUEST_HEADERS_TIMEOUT_MS > settings.REQUEST_TIMEOUT_MS) {
      context.addIssue({
        code: 'custom',
        path: ['REQUEST_HEADERS_TIMEOUT_MS'],
        message: 'must not exceed REQUEST_TIMEOUT_MS, which covers the headers and the body',
      });
    }
    if (settings.JWT_SECRET && settings.JWKS_URL) {
      context.addIssue({
        code: 'custom',
        path: ['JWKS_URL'],
        message: 'set JWT_SECRET or JWKS_URL, not both',
      });
    }
  });

export type Settings = Readonly<z.infer<typeof SettingsSchema>>;
/** Injection token of the settings of one application. */
export const Settings = Symbol('Settings');

/** A setting is invalid, so the process cannot start. The message names the setting and says what is wrong. */
export class InvalidSettingsError extends Error {
  override readonly name = 'InvalidSettingsError';
}

/** Matches the names of settings whose values can be secret. */
const SECRET_SETTING = /KEY|SECRET|URL|TOKEN$|^(MCP_SERVERS|MODEL_ENDPOINTS|HTTPS?_PROXY)$/;

/**
 * Reads the settings from an environment. Empty variables count as not set.
 * @throws InvalidSettingsError that names every invalid setting
 */
export function parseSettings(environment: Record<string, string | undefined>): Settings {
  const given = Object.fromEntries(
    Object.entries({ ...lowerCaseProxies(environment), ...environment }).filter(
      ([, value]) => value !== undefined && value !== '',
    ),
  );
  const result = SettingsSchema.safeParse(given);
  if (result.success) return Object.freeze(result.data);
  const lines = result.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    // The message shows the value unless it may be secret. Any setting may by mistake have a URL with a password as its
    // value.
    const isSecret = SECRET_SETTING.test(name) || given[name]?.includes('@');
    const place = issue.path.length > 1 ? `${issue.path.slice(1).join('.')} ` : '';
    const message = (issue.code === 'invalid_key' && issue.issues[0]?.message) || issue.message;
    return `  ${name}: ${place}${message}${isSecret ? '' : ` (is ${JSON.stringify(given[name])})`}`;
  });
  throw new InvalidSettingsError(
    `These settings are invalid. .env.example describes every setting:\n${lines.join('\n')}`,
  );
}

/** Returns the settings of proxies under their usual names. curl and many other programs have them in lower case. */
const lowerCaseProxies = (environment: Record<string, string | undefined>) =>
  Object.fromEntries(
    ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'].map((name) => [name, environment[name.toLowerCase()]]),
  );
