import { type EmbeddedFile, separateFiles } from '@cloutagent/contract/files';
import type { Json } from '@cloutagent/contract';

/** Bounds the data of files that results of tools contain. Above the bound it releases the oldest ones. */
export class FileBudget {
  private readonly held: { characters: number; release: () => void }[] = [];
  private characters = 0;

  /** @param limit maximum number of base64 characters that are kept */
  constructor(private readonly limit: number) {}

  /**
   * Adds the files of a value.
   * @param release replaces the value, wherever it is kept, by one without the data of its files
   */
  add(value: Json, release: (withoutData: Json) => void): void {
    const { value: withoutData, files } = separateFiles(value);
    if (files.length === 0) return;
    const characters = files.reduce((sum: number, file: EmbeddedFile) => sum + file.base64.length, 0);
    this.held.push({ characters, release: () => release(withoutData) });
    this.characters += characters;
    while (this.characters > this.limit) {
      const oldest = this.held.shift();
      if (!oldest) return;
      this.characters -= oldest.characters;
      oldest.release();
    }
  }
}
