import type { ExecutionEvent } from '@cloutagent/contract';
import { type EventFormat, type OutputFrame, StreamFormat } from '@cloutagent/server';
import { Injectable } from '@nestjs/common';

interface State {
  characters: number;
}

/** The text of an answer, with its length so far: `GET /api/executions/:executionId/stream?format=captions`. */
@Injectable()
@StreamFormat('captions')
export class Captions implements EventFormat<State> {
  begin(): State {
    return { characters: 0 };
  }

  encode(event: ExecutionEvent, state: State): OutputFrame[] {
    if (event.type === 'execution:completed') return [{ event: 'end', data: state }];
    if (event.type !== 'execution:output') return [];
    state.characters += event.chunk.length;
    return [{ event: 'caption', data: { text: event.chunk, characters: state.characters } }];
  }
}
