import { Injectable, type OnModuleInit } from '@nestjs/common';
import { nearestName } from '../../common/spelling.js';
import { ExtensionDiscovery } from '../../discovery/extension-discovery.js';
import { ValidationFailedError } from '../../problems/problem.error.js';
import type { EventFormat } from './event-format.js';
import { StreamFormat } from './stream-format.decorator.js';

const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** Finds the classes with `@StreamFormat` by their names. */
@Injectable()
export class StreamFormats implements OnModuleInit {
  private readonly formats = new Map<string, EventFormat>();

  constructor(private readonly discovery: ExtensionDiscovery) {}

  /** @throws Error if a name is not valid or used twice, or a class is not an EventFormat */
  onModuleInit(): void {
    for (const { value: name, instance, className, moduleName } of this.discovery.classesWith(StreamFormat)) {
      const subject = `@StreamFormat('${name}') of ${className} in ${moduleName}`;
      if (!NAME.test(name))
        throw new Error(`${subject}: the name must have 1 to 64 lower-case letters, digits and -.`);
      if (this.formats.has(name))
        throw new Error(`${subject}: another class has this name. Choose another one.`);
      const format = instance as Partial<EventFormat>;
      if (typeof format.begin !== 'function' || typeof format.encode !== 'function')
        throw new Error(`${subject}: the class must have the methods begin and encode of EventFormat.`);
      this.formats.set(name, format as EventFormat);
    }
  }

  /**
   * Returns the format with a name.
   * @throws ValidationFailedError if there is none
   */
  find(name: string): EventFormat {
    const format = this.formats.get(name);
    if (format) return format;
    const names = [...this.formats.keys()].toSorted();
    const nearest = nearestName(name, names);
    const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
    const message = `must be one of ${names.join(', ')}, or left out for the format of this server.${hint}`;
    throw new ValidationFailedError([{ path: 'format', message }]);
  }
}
