import { Json, PROBLEM_CODES, type ProblemCode, ProjectId, WorkflowRef } from '@cloutagent/contract';
import { z } from 'zod';
import type { ErrorForm } from '../../openapi/documented.decorator.js';
import { describe, rpcErrorOf, statusOf } from './a2a-errors.js';
import { problemBody } from '../../problems/problem-body.js';

// The objects of A2A as the OpenAPI document shows them. Requests are checked against `requests.ts`.

const Part = z.looseObject({
  text: z.string().optional(),
  raw: z.string().optional().meta({ description: 'base64' }),
  url: z.string().optional(),
  data: Json.optional(),
  mediaType: z.string().optional(),
  filename: z.string().optional(),
});
const Message = z
  .looseObject({
    messageId: z.string(),
    contextId: z.string().optional(),
    taskId: z.string().optional(),
    role: z.enum(['ROLE_USER', 'ROLE_AGENT']),
    parts: z.array(Part),
  })
  .meta({ id: 'A2aMessage' });

export const TaskSchema = z
  .looseObject({
    id: z.string().meta({ description: 'Id of the execution.' }),
    contextId: z.string(),
    status: z.looseObject({
      state: z.string().meta({ examples: ['TASK_STATE_COMPLETED'] }),
      message: Message.optional(),
      timestamp: z.string(),
    }),
    artifacts: z
      .array(z.looseObject({ artifactId: z.string(), name: z.string().optional(), parts: z.array(Part) }))
      .optional()
      .meta({ description: 'One for each last node of the workflow. Its id is that of the node.' }),
    history: z.array(Message).optional(),
    metadata: z.record(z.string(), Json).optional(),
  })
  .meta({ id: 'A2aTask' });

export const SendMessageBody = z
  .looseObject({
    message: Message,
    configuration: z
      .looseObject({
        historyLength: z.int().min(0).optional(),
        returnImmediately: z.boolean().optional(),
        acceptedOutputModes: z.array(z.string()).optional(),
      })
      .optional(),
    metadata: z.record(z.string(), Json).optional(),
  })
  .meta({ id: 'A2aSendMessageRequest' });

export const SendMessageAnswer = z.looseObject({ task: TaskSchema });
export const TaskPageSchema = z.looseObject({
  tasks: z.array(TaskSchema),
  nextPageToken: z.string().meta({ description: 'Empty on the last page.' }),
  pageSize: z.int(),
  totalSize: z.int(),
});
export const AgentCardSchema = z
  .looseObject({
    name: z.string(),
    description: z.string(),
    version: z.string(),
    supportedInterfaces: z.array(
      z.looseObject({ url: z.string(), protocolBinding: z.string(), protocolVersion: z.string() }),
    ),
    capabilities: z.looseObject({ streaming: z.boolean(), pushNotifications: z.boolean() }),
    skills: z.array(z.looseObject({ id: z.string(), name: z.string(), description: z.string() })),
  })
  .meta({ id: 'A2aAgentCard' });

export const RpcRequest = z
  .looseObject({
    jsonrpc: z.literal('2.0'),
    id: z.union([z.string(), z.number()]),
    method: z.string().meta({ examples: ['SendMessage'] }),
    params: z.looseObject({}).optional(),
  })
  .meta({ id: 'A2aRpcRequest' });
export const RpcAnswer = z
  .looseObject({ jsonrpc: z.literal('2.0'), id: z.union([z.string(), z.number()]), result: Json })
  .meta({ id: 'A2aRpcAnswer' });

export const StreamText = z.string().meta({ description: 'Frames. The data of each is a StreamResponse.' });

/** A client may name the version in the query. Other parameters are ignored. */
export const VersionQuery = z.looseObject({
  'A2A-Version': z.string().optional().meta({ description: 'Instead of the header A2A-Version.' }),
});
export const AGENT_PARAMS = { projectId: ProjectId, name: WorkflowRef };

const describeCode = (code: ProblemCode) => {
  const { status, text } = PROBLEM_CODES[code];
  return describe(problemBody({ status, code, detail: text }), undefined);
};
const Details = z.array(z.looseObject({ '@type': z.string() })).meta({
  description: 'The metadata of the google.rpc.ErrorInfo has the code of the problem.',
});

export const STATUS_FORM: ErrorForm = {
  contentType: 'application/a2a+json',
  schema: z
    .looseObject({
      error: z.looseObject({
        code: z.int().meta({ description: 'The status of the response.' }),
        status: z.string(),
        message: z.string(),
        details: Details,
      }),
    })
    .meta({ id: 'A2aStatus' }),
  example: (code) => ({ error: statusOf(describeCode(code)) }),
};
export const RPC_ERROR_FORM: ErrorForm = {
  contentType: 'application/json',
  schema: z
    .looseObject({
      jsonrpc: z.literal('2.0'),
      id: z.union([z.string(), z.number(), z.null()]),
      error: z.looseObject({ code: z.int(), message: z.string(), data: Details }),
    })
    .meta({ id: 'A2aRpcError' }),
  example: (code) => ({ jsonrpc: '2.0', id: 1, error: rpcErrorOf(describeCode(code)) }),
};
