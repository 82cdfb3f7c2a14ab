import { Injectable } from '@nestjs/common';

/** Turns signing secrets into the bytes that the database stores, and back. */
@Injectable()
export class SecretSeal {
  seal(text: string): Buffer {
    return Buffer.from(text);
  }

  open(sealed: Buffer): string {
    return sealed.toString();
  }
}
