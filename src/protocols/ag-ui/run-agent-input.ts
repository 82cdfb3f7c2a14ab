import { Json, PlainText } from '@cloutagent/contract';
import { z } from 'zod';

/** Longer ids would not fit the index of threads. */
const Id = PlainText.min(1).max(256);

const Text = z.string();
const Part = z.looseObject({ type: z.string() });
const Content = z.union([Text, z.array(Part)], 'must be text or a list of parts');
/** Clients in other languages send null for what is absent. */
const absent = <T extends z.ZodType>(schema: T) => schema.nullish();
const ToolCall = z.looseObject({
  id: z.string().min(1),
  function: z.looseObject({ name: z.string().min(1), arguments: z.string() }),
});

const message = <Role extends string, Shape extends z.ZodRawShape>(role: Role, shape: Shape) =>
  z
    .looseObject({ id: z.string(), role: z.literal(role), ...shape })
    .meta({ id: `AgUi${role[0]!.toUpperCase()}${role.slice(1)}Message` });

const Message = z.discriminatedUnion(
  'role',
  [
    message('user', { content: Content }),
    message('developer', { content: Text }),
    message('system', { content: Text }),
    message('assistant', { content: absent(Text), toolCalls: absent(z.array(ToolCall)) }),
    message('tool', { toolCallId: z.string(), content: Content, error: absent(Text) }),
    message('reasoning', {}),
    message('activity', {}),
  ],
  'must have one of the roles user, assistant, tool, system, developer, reasoning or activity',
);
export type AgUiMessage = z.output<typeof Message>;
export type AgUiPart = z.output<typeof Part>;

const ResumeEntry = z.looseObject({
  interruptId: z.string(),
  status: z.enum(['resolved', 'cancelled']),
  payload: Json.optional(),
});
export type ResumeEntry = z.output<typeof ResumeEntry>;

/**
 * Body of a run, as clients of AG-UI send it (https://docs.ag-ui.com/sdk/js/core/types#runagentinput). Members that this
 * version does not read are ignored.
 */
export const RunAgentInput = z
  .looseObject({
    threadId: Id.meta({ description: "The client's id of the conversation." }),
    runId: Id.meta({ description: 'The same id again starts nothing, and streams the first run again.' }),
    messages: z.array(Message).meta({ description: 'The whole conversation, oldest first.' }),
    state: absent(Json).meta({ description: 'The state that the client shares with the workflow.' }),
    tools: absent(z.array(Json)),
    context: absent(z.array(Json)),
    forwardedProps: absent(Json),
    resume: absent(z.array(ResumeEntry)).meta({
      description: 'The answers to the interrupts of the run before.',
    }),
  })
  .meta({ id: 'RunAgentInput' });
export type RunAgentInput = z.output<typeof RunAgentInput>;
