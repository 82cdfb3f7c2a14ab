'use client';

import { useChat } from '@ai-sdk/react';
import {
  type ChatTransport,
  DefaultChatTransport,
  getToolName,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  type UIMessage,
} from 'ai';
import { type ReactNode, useEffect, useState } from 'react';

/** What the server says about its answers. */
type Answer = UIMessage<
  { executionId: string; status: string; costUSD?: number | null },
  { node: { nodeId: string; label: string; status: string; text?: string } }
>;
interface ChatProps {
  id: string;
  /** The address of the chat, such as that of the route handler. */
  api?: string;
  headers?: Record<string, string>;
  transport?: ChatTransport<Answer>;
}

export function Chat({ id, api = '/api/chat', headers = {}, ...props }: ChatProps): ReactNode {
  const [transport] = useState(() => props.transport ?? new DefaultChatTransport<Answer>({ api, headers }));
  const [text, setText] = useState('');
  const chat = useChat<Answer>({
    id,
    transport,
    // Your application keeps the messages of its chats in its database.
    messages: JSON.parse(sessionStorage.getItem(id) ?? '[]') as Answer[],
    // After a reload, the page follows an answer that is not complete.
    resume: true,
    // Sends the answers to approvals as soon as there are all of them.
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });
  const { messages, status, error } = chat;
  useEffect(() => sessionStorage.setItem(id, JSON.stringify(messages)), [id, messages]);

  const stop = async () => {
    // `stop` only closes the connection. The other request ends the work.
    await chat.stop();
    await fetch(`${api}/${encodeURIComponent(id)}/cancel`, { method: 'POST', headers });
  };
  return (
    <main>
      {messages.map((message) => (
        <article key={message.id} className={message.role}>
          {message.parts.map((part, index) => (
            <Part key={index} part={part} onApproval={chat.addToolApprovalResponse} />
          ))}
        </article>
      ))}
      {error && (
        <p role="alert">
          {error.message} <button onClick={() => void chat.resumeStream()}>Resume</button>
        </p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void chat.sendMessage({ text });
          setText('');
        }}
      >
        <input aria-label="Message" value={text} onChange={({ target }) => setText(target.value)} />
        <button disabled={status === 'submitted' || status === 'streaming'}>Send</button>
        <button type="button" onClick={() => void stop()}>
          Stop
        </button>
      </form>
      <output>{status}</output>
    </main>
  );
}

interface PartProps {
  part: Answer['parts'][number];
  onApproval: (answer: { id: string; approved: boolean }) => void | PromiseLike<void>;
}

function Part({ part, onApproval }: PartProps): ReactNode {
  if (part.type === 'text') return <p className="text">{part.text}</p>;
  if (part.type === 'data-node')
    return (
      <p className="node">
        {part.data.label}: {part.data.status}
      </p>
    );
  if (!isToolUIPart(part)) return null;
  const { approval, state, input } = part;
  return (
    <section className="tool">
      {getToolName(part)} {JSON.stringify(input)}: {state}
      {state === 'approval-requested' && approval && (
        <>
          <button onClick={() => void onApproval({ id: approval.id, approved: true })}>Approve</button>
          <button onClick={() => void onApproval({ id: approval.id, approved: false })}>Deny</button>
        </>
      )}
    </section>
  );
}
