import { AsyncLocalStorage } from 'node:async_hooks';
import type { ReportedUsage } from '../extension/model-usage.js';

/** What a call of a model has reported so far, also if its stream breaks before the AI SDK passes the usage on. */
export interface UsageObserver {
  reported: ReportedUsage | undefined;
  /** Called for all data that the provider sends, also for comments that only keep the connection open. */
  onData?: () => void;
  /** Puts the values of secrets in the place of the placeholders of a setting: `AgentRun.revealSetting`. */
  revealSetting?: <T>(value: T, target: { readonly url: string }) => Promise<T>;
}

const observers = new AsyncLocalStorage<UsageObserver>();

/** Runs a call of a model. The `fetch` of the providers writes the usage that it sees in the response into `observer`. */
export const observed = <T>(observer: UsageObserver, call: () => T): T => observers.run(observer, call);

/** The observer of the call that runs now; undefined outside of one. */
export const currentObserver = (): UsageObserver | undefined => observers.getStore();
