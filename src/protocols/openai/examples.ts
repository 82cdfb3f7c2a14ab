const ID = 'resp_0199c0de-0000-7000-8000-000000000001';

export const EXAMPLE_CREATE = { model: 'compare@production', input: 'Compare the two offers.' };

export const EXAMPLE_RESPONSE = {
  id: ID,
  object: 'response' as const,
  created_at: 1_790_000_000,
  status: 'completed' as const,
  model: 'compare@3',
  output: [
    {
      type: 'message',
      id: 'msg_0199c0de-0000-7000-8000-000000000001_4',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text: 'The second offer is cheaper.', annotations: [], logprobs: [] }],
    },
  ],
  error: null,
};

export const EXAMPLE_STREAM = `event: response.created
data: {"type":"response.created","sequence_number":4096,"response":{"id":"${ID}","status":"in_progress","output":[]}}
id: 1.1

`;

export const EXAMPLE_DELETED = { id: ID, object: 'response' as const, deleted: true as const };

export const EXAMPLE_ITEMS = {
  object: 'list' as const,
  data: [
    {
      type: 'message',
      id: 'item_0199c0de-0000-7000-8000-000000000001_0',
      role: 'user',
      content: [{ type: 'input_text', text: 'Compare the two offers.' }],
    },
  ],
  first_id: 'item_0199c0de-0000-7000-8000-000000000001_0',
  last_id: 'item_0199c0de-0000-7000-8000-000000000001_0',
  has_more: false,
};

export const EXAMPLE_CHAT = {
  model: 'compare@production',
  messages: [{ role: 'user', content: 'Compare the two offers.' }],
};

export const EXAMPLE_COMPLETION = {
  id: 'chatcmpl_0199c0de-0000-7000-8000-000000000001',
  object: 'chat.completion' as const,
  created: 1_790_000_000,
  model: 'compare@3',
  choices: [
    {
      index: 0,
      message: { role: 'assistant' as const, content: 'The second offer is cheaper.', refusal: null },
      logprobs: null,
      finish_reason: 'stop' as const,
    },
  ],
  usage: { prompt_tokens: 12, completion_tokens: 6, total_tokens: 18 },
};

export const EXAMPLE_CHAT_STREAM = `data: {"id":"chatcmpl_0199c0de-0000-7000-8000-000000000001","object":"chat.completion.chunk","created":1790000000,"model":"compare@3","choices":[{"index":0,"delta":{"content":"The"},"logprobs":null,"finish_reason":null}]}
id: 4

data: [DONE]
id: 9

`;

export const EXAMPLE_MODEL = {
  id: 'compare',
  object: 'model' as const,
  created: 1_790_000_000,
  owned_by: 'demo',
};
