import { DiscoveryService } from '@nestjs/core';

/**
 * Makes a provider a format of streams: `GET /api/executions/:executionId/stream?format=<name>` sends the events of an
 * execution in it. The class implements `EventFormat`. The name has 1 to 64 lower-case letters, digits and `-`.
 *
 * @example
 * ```ts
 * @Injectable()
 * @StreamFormat('text')
 * export class TextFormat implements EventFormat<{ characters: number }> {
 *   begin() { return { characters: 0 }; }
 *   encode(event: ExecutionEvent, state: { characters: number }): OutputFrame[] {
 *     if (event.type !== 'execution:output') return [];
 *     state.characters += event.chunk.length;
 *     return [{ event: 'text', data: { chunk: event.chunk, characters: state.characters } }];
 *   }
 * }
 * ```
 */
export const StreamFormat = DiscoveryService.createDecorator<string>();
