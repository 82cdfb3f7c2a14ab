import type { Json, SavedWorkflow } from '@cloutagent/contract';

/** The version of the protocol, as `A2A-Version` has it. */
export const PROTOCOL_VERSION = '1.0';
/** An extension of the card: the JSON Schema of the input that the workflow takes. */
const INPUT_SCHEMA_EXTENSION = 'urn:cloutagent:a2a:input-schema';

/**
 * Describes a saved workflow as an agent (section 4.4 of the specification).
 * @param url the address of both bindings
 */
export function agentCard(
  { name, version, description, tags, inputSchema }: SavedWorkflow,
  url: string,
): object {
  const text = description ?? `Runs the workflow ${name}.`;
  const modes = inputModes(inputSchema);
  return {
    name,
    description: text,
    supportedInterfaces: ['JSONRPC', 'HTTP+JSON'].map((protocolBinding) => ({
      url,
      protocolBinding,
      protocolVersion: PROTOCOL_VERSION,
    })),
    version: String(version),
    capabilities: {
      streaming: true,
      pushNotifications: false,
      extendedAgentCard: true,
      ...(inputSchema && {
        extensions: [
          {
            uri: INPUT_SCHEMA_EXTENSION,
            description: 'The JSON Schema of the object that a data part may have as the input.',
            required: false,
            params: { inputSchema: inputSchema as Json },
          },
        ],
      }),
    },
    securitySchemes: {
      bearer: {
        httpAuthSecurityScheme: { scheme: 'Bearer', description: 'An API key of this server, or a JWT.' },
      },
      apiKey: { apiKeySecurityScheme: { location: 'header', name: 'X-API-Key' } },
    },
    securityRequirements: [{ schemes: { bearer: { list: [] } } }, { schemes: { apiKey: { list: [] } } }],
    defaultInputModes: modes,
    defaultOutputModes: ['text/plain', 'application/json'],
    // A required list must not be empty.
    skills: [{ id: name, name, description: text, tags: tags.length > 0 ? tags : ['workflow'] }],
  };
}

/** A workflow that takes only a text, or only members of its own, has one mode. */
function inputModes(inputSchema: Record<string, unknown> | null): string[] {
  if (inputSchema?.['type'] === 'string') return ['text/plain'];
  const { properties, additionalProperties } = inputSchema ?? {};
  const takesChat =
    additionalProperties !== false ||
    ['messages', 'text'].some((name) => Object.hasOwn((properties as object | undefined) ?? {}, name));
  return takesChat ? ['text/plain', 'application/json'] : ['application/json'];
}
