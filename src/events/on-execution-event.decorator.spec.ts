import 'reflect-metadata';
import { EVENT_TYPES, type ExecutionEvent, type ExecutionEventOf } from '@cloutagent/contract';
import { ExecutionListener, OnExecutionEvent } from './on-execution-event.decorator.js';

class Listener {
  @OnExecutionEvent('execution:failed')
  one(event: ExecutionEventOf<'execution:failed'>): string {
    return event.code;
  }

  @OnExecutionEvent(['execution:paused', 'execution:resumed', 'execution:paused'], { durable: 'audit' })
  async several(event: ExecutionEventOf<'execution:paused' | 'execution:resumed'>): Promise<void> {
    await Promise.resolve(event.by);
  }

  @OnExecutionEvent('*')
  all(event: ExecutionEvent): void {
    this.one(event as ExecutionEventOf<'execution:failed'>);
  }

  @OnExecutionEvent('execution:failed')
  withoutEvent(): void {}

  // @ts-expect-error the method takes another type of event
  @OnExecutionEvent('execution:failed')
  otherType(_event: ExecutionEventOf<'execution:output'>): void {}

  // @ts-expect-error the method takes one of the two types only
  @OnExecutionEvent(['execution:failed', 'execution:output'])
  tooNarrow(_event: ExecutionEventOf<'execution:failed'>): void {}

  // @ts-expect-error there is no such event type
  @OnExecutionEvent('execution:faild')
  unknownType(): void {}
}

const metadataOf = (name: keyof Listener): unknown =>
  Reflect.getMetadata(ExecutionListener.KEY, Listener.prototype[name]);

describe('OnExecutionEvent', () => {
  it('stores the types and the name of a durable listener', () => {
    expect(metadataOf('one')).toEqual({ types: ['execution:failed'] });
    expect(metadataOf('several')).toEqual({
      types: ['execution:paused', 'execution:resumed'],
      durable: 'audit',
    });
    expect(metadataOf('all')).toEqual({ types: EVENT_TYPES });
  });

  it('refuses a second decorator on one method, because it would replace the first', () => {
    expect(() => {
      class Twice {
        @OnExecutionEvent('execution:failed')
        @OnExecutionEvent('execution:completed')
        method(): void {}
      }
      return Twice;
    }).toThrow('Twice.method has @OnExecutionEvent twice: write it once, with a list of types.');
  });
});
