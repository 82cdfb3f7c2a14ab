import { PROBLEM_CODES } from '@cloutagent/contract';
import {
  type Media,
  type OpenApiDocument,
  OpenApiValidator,
  type Operation,
  type Parameter,
  type ResponseObject,
} from './support/openapi-validator.js';
import { createDatabase, Server } from './support/server.js';

interface Route {
  path: string;
  method: string;
  operation: Operation;
}

describe('the OpenAPI document', () => {
  let server: Server;
  let document: OpenApiDocument;
  let validator: OpenApiValidator;
  let routes: Route[];

  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase() });
    document = JSON.parse((await server.call('GET', '/docs/openapi.json')).text) as OpenApiDocument;
    validator = new OpenApiValidator(document);
    routes = validator.operations();
  });
  afterAll(() => server.kill('SIGTERM'));

  const operation = (id: string): Operation =>
    routes.find((route) => route.operation.operationId === id)!.operation;
  const nameOf = ({ method, path }: Route): string => `${method} ${path}`;
  const responsesOf = (route: Route): [status: string, response: ResponseObject][] =>
    Object.entries(route.operation.responses).map(([status, response]) => [
      status,
      validator.resolve(response),
    ]);

  it('has every route, with an id that generated clients can keep', () => {
    expect(routes.map((route) => `${route.operation.operationId}: ${nameOf(route)}`).toSorted()).toEqual(
      [
        'approveExecution: POST /api/executions/{executionId}/approve',
        'cancelAgUiThread: POST /api/ag-ui/{projectId}/{name}/{threadId}/cancel',
        'cancelExecution: POST /api/executions/{executionId}/cancel',
        'createExecutionsStreamTicket: POST /api/executions/stream-tickets',
        'createKey: POST /api/keys',
        'createStreamTicket: POST /api/executions/{executionId}/stream-tickets',
        'getExecution: GET /api/executions/{executionId}',
        'getExecutionWorkflow: GET /api/executions/{executionId}/workflow',
        'getKey: GET /api/keys/{keyId}',
        'getLiveness: GET /health/live',
        'getMe: GET /api/me',
        'getMetrics: GET /metrics',
        'getReadiness: GET /health/ready',
        'listExecutionEvents: GET /api/executions/{executionId}/events',
        'listExecutions: GET /api/executions',
        'listKeys: GET /api/keys',
        'pauseExecution: POST /api/executions/{executionId}/pause',
        'rerunExecution: POST /api/executions/{executionId}/rerun',
        'resumeExecution: POST /api/executions/{executionId}/resume',
        'revokeKey: DELETE /api/keys/{keyId}',
        'startExecution: POST /api/executions',
        'startExecutions: POST /api/executions/batch',
        'validateExecution: POST /api/executions/validate',
        'streamAgUiThread: GET /api/ag-ui/{projectId}/{name}/{threadId}/stream',
        'streamExecution: GET /api/executions/{executionId}/stream',
        'streamExecutions: GET /api/executions/stream',
        'createOpenAiResponse: POST /v1/responses',
        'getOpenAiResponse: GET /v1/responses/{responseId}',
        'cancelOpenAiResponse: POST /v1/responses/{responseId}/cancel',
        'deleteOpenAiResponse: DELETE /v1/responses/{responseId}',
        'listOpenAiInputItems: GET /v1/responses/{responseId}/input_items',
        'createOpenAiChatCompletion: POST /v1/chat/completions',
        'listOpenAiModels: GET /v1/models',
        'getOpenAiModel: GET /v1/models/{model}',
        'postMcp: POST /mcp',
        'resumeMcp: GET /mcp',
        'listWaits: GET /api/waits',
        'answerWait: POST /api/waits/{waitId}/answer',
        'sendSignal: POST /api/executions/{executionId}/signals/{name}',
        'receiveCallback: POST /api/callbacks/{token}',
        'listListeners: GET /api/listeners',
        'listDeadDeliveries: GET /api/listeners/{name}/dead',
        'replayDeliveries: POST /api/listeners/{name}/replay',
        'skipEvent: POST /api/listeners/{name}/skip',
        'deleteListener: DELETE /api/listeners/{name}',
        'listSecrets: GET /api/secrets',
        'getSecret: GET /api/secrets/{projectId}/{name}',
        'putSecret: PUT /api/secrets/{projectId}/{name}',
        'deleteSecret: DELETE /api/secrets/{projectId}/{name}',
        'listVariables: GET /api/variables',
        'getVariable: GET /api/variables/{projectId}/{name}',
        'putVariable: PUT /api/variables/{projectId}/{name}',
        'deleteVariable: DELETE /api/variables/{projectId}/{name}',
        'deleteExecution: DELETE /api/executions/{executionId}',
        'startOperation: POST /api/operations',
        'listOperations: GET /api/operations',
        'getOperation: GET /api/operations/{operationId}',
        'getProjectStats: GET /api/projects/{projectId}/stats',
        'listWorkflows: GET /api/workflows',
        'saveWorkflow: PUT /api/workflows/{projectId}/{name}',
        'getWorkflow: GET /api/workflows/{projectId}/{name}',
        'deleteWorkflow: DELETE /api/workflows/{projectId}/{name}',
        'listWorkflowVersions: GET /api/workflows/{projectId}/{name}/versions',
        'diffWorkflow: GET /api/workflows/{projectId}/{name}/diff',
        'deleteWorkflowVersion: DELETE /api/workflows/{projectId}/{name}/versions/{version}',
        'setWorkflowAlias: PUT /api/workflows/{projectId}/{name}/aliases/{alias}',
        'deleteWorkflowAlias: DELETE /api/workflows/{projectId}/{name}/aliases/{alias}',
        'putSchedule: PUT /api/schedules/{projectId}/{name}',
        'listSchedules: GET /api/schedules',
        'getSchedule: GET /api/schedules/{projectId}/{name}',
        'deleteSchedule: DELETE /api/schedules/{projectId}/{name}',
        'runAgUi: POST /api/ag-ui/{projectId}/{name}',
        'runSchedule: POST /api/schedules/{projectId}/{name}/run',
        'putTrigger: PUT /api/triggers/{projectId}/{name}',
        'listTriggers: GET /api/triggers',
        'getTrigger: GET /api/triggers/{projectId}/{name}',
        'deleteTrigger: DELETE /api/triggers/{projectId}/{name}',
        'receiveWebhook: POST /api/hooks/{projectId}/{name}',
        'putWebhook: PUT /api/webhooks/{projectId}/{name}',
        'listWebhooks: GET /api/webhooks',
        'getWebhook: GET /api/webhooks/{projectId}/{name}',
        'deleteWebhook: DELETE /api/webhooks/{projectId}/{name}',
        'rotateWebhookSecret: POST /api/webhooks/{projectId}/{name}/rotate-secret',
        'listWebhookDeliveries: GET /api/webhooks/{projectId}/{name}/deliveries',
        'getWebhookDelivery: GET /api/webhooks/{projectId}/{name}/deliveries/{deliveryId}',
        'replayWebhook: POST /api/webhooks/{projectId}/{name}/replay',
        'answerAiSdkChat: POST /api/ai-sdk/{projectId}/{name}',
        'resumeAiSdkChat: GET /api/ai-sdk/{projectId}/{name}/{chatId}/stream',
        'cancelAiSdkChat: POST /api/ai-sdk/{projectId}/{name}/{chatId}/cancel',
        'getAgentCard: GET /api/a2a/{projectId}/{name}/.well-known/agent-card.json',
        'callAgent: POST /api/a2a/{projectId}/{name}',
        'sendAgentMessage: POST /api/a2a/{projectId}/{name}/message:send',
        'streamAgentMessage: POST /api/a2a/{projectId}/{name}/message:stream',
        'listAgentTasks: GET /api/a2a/{projectId}/{name}/tasks',
        'getAgentTask: GET /api/a2a/{projectId}/{name}/tasks/{taskId}',
        'cancelAgentTask: POST /api/a2a/{projectId}/{name}/tasks/{taskId}:cancel',
        'subscribeToAgentTask: POST /api/a2a/{projectId}/{name}/tasks/{taskId}:subscribe',
        'watchAgentTask: GET /api/a2a/{projectId}/{name}/tasks/{taskId}:subscribe',
        'getExtendedAgentCard: GET /api/a2a/{projectId}/{name}/extendedAgentCard',
      ].toSorted(),
    );
  });

  it('shows a valid example of every request and answer', () => {
    for (const route of routes) {
      const base = `#/paths/${route.path.replaceAll('/', '~1')}/${route.method.toLowerCase()}`;
      const bodies: [pointer: string, content: Record<string, Media> | undefined][] = [
        [`${base}/requestBody`, route.operation.requestBody?.content],
        ...Object.entries(route.operation.responses).map(
          ([status, response]): [string, Record<string, Media> | undefined] => [
            '$ref' in response ? response.$ref : `${base}/responses/${status}`,
            validator.resolve(response).content,
          ],
        ),
      ];
      for (const [pointer, content = {}] of bodies) {
        for (const [type, { examples = {} }] of Object.entries(content)) {
          expect([nameOf(route), type, Object.keys(examples).length > 0]).toEqual([
            nameOf(route),
            type,
            true,
          ]);
          const schema = encodeURI(`${pointer}/content/${type.replaceAll('/', '~1')}/schema`);
          for (const example of Object.values(examples)) {
            const { value } = validator.resolve(example);
            expect([nameOf(route), type, validator.checkValue(schema, value)]).toEqual([
              nameOf(route),
              type,
              [],
            ]);
          }
        }
      }
    }
  });

  it('lists the codes of every problem under their status', () => {
    for (const route of routes) {
      for (const [status, { content }] of responsesOf(route)) {
        if (!(Number(status) >= 400)) continue;
        const [[type, { examples = {} }] = ['', {}]] = Object.entries(content!);
        const isProblem = type === 'application/problem+json';
        // The protocols of other products have forms of their own.
        const mayHaveOwnForm = /^\/(v1|mcp|api\/(a2a|ag-ui|ai-sdk))\b/.test(route.path);
        expect([nameOf(route), isProblem || mayHaveOwnForm]).toEqual([nameOf(route), true]);
        expect([nameOf(route), Object.keys(examples).length > 0]).toEqual([nameOf(route), true]);
        for (const [code, example] of Object.entries(examples))
          if (isProblem)
            expect(validator.resolve(example).value).toMatchObject({ code, status: Number(status) });
          else expect(JSON.stringify(validator.resolve(example).value)).toContain(`"${code}"`);
      }
    }
  });

  it('names every problem code of the server', () => {
    // Codes that only a protocol with a form of its own answers with are in the examples of its operations.
    const text = JSON.stringify(document.paths);
    const named = Object.keys(PROBLEM_CODES).filter(
      (code) => code in document.components.examples || text.includes(`"code":"${code}"`),
    );
    expect(named).toEqual(Object.keys(PROBLEM_CODES));
    expect(document.info.description).toContain('`headers_too_large` (431)');
  });

  it('has each schema once, and refers to it', () => {
    const text = JSON.stringify(document);
    // That of a problem, and that of an error of AG-UI, which has the members of a problem.
    expect(text.split('"title":{"type":"string"}').length - 1).toBe(2);
    expect(text.split('#/components/schemas/Problem"').length - 1).toBeGreaterThan(10);
  });

  it('describes the data of every frame of a stream, and tells the types apart', () => {
    for (const [id, name] of [
      ['streamExecution', 'StreamData'],
      ['streamExecutions', 'ExecutionsStreamData'],
    ] as const) {
      const { content } = validator.resolve(operation(id).responses['200']!);
      expect(content!['text/event-stream']!.schema).toEqual({ $ref: `#/components/schemas/${name}` });
      const { oneOf, discriminator } = document.components.schemas[name] as {
        oneOf: { $ref: string }[];
        discriminator: { propertyName: string; mapping: Record<string, string> };
      };
      expect(Object.values(discriminator.mapping)).toEqual(oneOf.map(({ $ref }) => $ref));
      expect(Object.keys(discriminator.mapping)).toContain('connection:established');
      expect(Object.keys(discriminator.mapping)).toContain('execution:tool-call');
    }
  });

  it('names every query parameter of the lists and streams', () => {
    const names = (id: string) =>
      (operation(id).parameters as Parameter[])
        .filter((parameter) => parameter.in === 'query')
        .map(({ name, explode }) => (explode === false ? `${name}[]` : name));
    const tree = ['parentId', 'rootId', 'rerunOf', 'workflow', 'createdAfter', 'createdBefore', 'children'];
    expect(names('listExecutions')).toEqual(['projectId', 'status[]', 'tag', ...tree, 'limit', 'cursor']);
    expect(names('streamExecution')).toEqual(['lastEventId', 'types[]', 'format', 'ticket']);
    const filter = ['projectId', 'status[]', 'tag', 'rootId', 'executionIds[]'];
    const multi = [...filter, 'types[]', 'from', 'lastEventId'];
    expect(names('streamExecutions')).toEqual([...multi, 'ticket']);
  });

  it('says which credential and which scope each operation needs', () => {
    expect(operation('getLiveness').security).toEqual([]);
    expect(operation('getMe')).not.toHaveProperty('x-required-scope');
    expect(operation('startExecution')).toMatchObject({
      security: [{ bearer: [] }, { apiKey: [] }],
      'x-required-scope': 'executions:write',
    });
    expect(operation('streamExecution').security).toContainEqual({ ticket: [] });
    expect(operation('getMetrics').security).toContainEqual({});
  });

  it('documents bodies, methods and headers that are refused, and the headers of answers', () => {
    const start = operation('startExecution').responses;
    const codes = (status: string) =>
      Object.keys(validator.resolve(start[status]!).content!['application/problem+json']!.examples ?? {});
    expect(codes('400')).toContain('malformed_body');
    expect(codes('405')).toEqual(['method_not_allowed']);
    expect(codes('413')).toEqual(['body_too_large']);
    expect(codes('415')).toContain('unsupported_media_type');
    const headers = (status: string) => Object.keys(validator.resolve(start[status]!).headers ?? {});
    expect(headers('202')).toEqual(
      expect.arrayContaining(['X-Request-Id', 'RateLimit-Limit', 'Location', 'Idempotency-Replayed']),
    );
    expect(headers('200')).toEqual(expect.arrayContaining(['Location', 'Preference-Applied']));
    expect(Object.keys(validator.resolve(start['200']!).content!)).toEqual([
      'application/json',
      'text/event-stream',
    ]);
    expect(headers('429')).toContain('Retry-After');
    expect(Object.keys(operation('streamExecution').responses)).toContain('204');
  });

  it('is served as YAML too, and shown by Swagger UI', async () => {
    expect((await server.call('GET', '/docs/openapi.yaml')).text).toContain('openapi: 3.1.1');
    expect((await server.call('GET', '/docs/swagger-ui-init.js')).text).toContain('startExecution');
  });
});
