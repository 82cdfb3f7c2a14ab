import { getEventListeners } from 'node:events';
import { abortable } from './abortable.js';

describe('abortable', () => {
  it('gives the value of the promise and leaves no listener', async () => {
    const { signal } = new AbortController();
    await expect(abortable(Promise.resolve(7), signal)).resolves.toBe(7);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('throws the reason when the signal aborts during the wait', async () => {
    const controller = new AbortController();
    const waiting = abortable(new Promise(() => undefined), controller.signal);
    const reason = new Error('cancelled');
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('throws the reason when the signal had aborted before', async () => {
    const reason = new Error('cancelled');
    await expect(abortable(Promise.resolve(7), AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('passes the error of the promise on', async () => {
    const { signal } = new AbortController();
    await expect(abortable(Promise.reject(new Error('refused')), signal)).rejects.toThrow('refused');
  });
});
