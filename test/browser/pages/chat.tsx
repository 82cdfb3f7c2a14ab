import '@cloutagent/react/styles.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Chat } from '../../../examples/ai-sdk/chat.js';

const { view } = globalThis as unknown as {
  view: { id: string; api?: string; headers?: Record<string, string> };
};
createRoot(document.querySelector('#root') ?? document.body).render(
  <StrictMode>
    <Chat {...view} />
  </StrictMode>,
);
