import { transform } from '@swc/core';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COMPILE_CACHE, Server } from './server.js';

const root = process.cwd();
/** The imports of a module of another team, from the build. */
const IMPORTS = `
  import 'reflect-metadata';
  import { Injectable, Module } from '@nestjs/common';
  import { z } from 'zod';
  import {
    ExecutionReader, NodeError, NodeHandler, type NodeRun, OnExecutionEvent, parseSettings, ProvidesModels, ProvidesTools,
    StepInterceptor, StepRefusedError, StreamFormat, TransientError,
  } from '../index.js';
  import { createApp } from '../create-app.js';
  import { ExecutionsModule } from '../executions/executions.module.js';
`;
const START = `
  const app = await createApp(parseSettings(process.env), [TeamModule]);
  await app.listen(0, '127.0.0.1');
  console.log(\`listens on \${await app.getUrl()};\`);
  process.on('SIGTERM', () => void app.close());
`;

/** The real server with a module of another team, in a process of its own. */
export class ExtensionServer {
  private constructor(
    readonly server: Server,
    private readonly folder: string,
  ) {}

  /** @param code TypeScript that declares the module `TeamModule` and may use the `IMPORTS` above */
  static async start(code: string, settings: Record<string, string>): Promise<ExtensionServer> {
    // Inside the build folder, so that Node finds the installed packages. Hidden, because it is not part of the build.
    const folder = await mkdtemp(join(root, 'dist', '.extension-'));
    const filename = join(folder, 'main.ts');
    const { code: script } = await transform(IMPORTS + code + START, {
      filename,
      configFile: join(root, '.swcrc'),
    });
    await writeFile(join(folder, 'main.js'), script);
    try {
      const server = await Server.start({ ...COMPILE_CACHE, ...settings }, join(folder, 'main.js'));
      return new ExtensionServer(server, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async stop(): Promise<number | null> {
    const code = await this.server.kill('SIGTERM');
    await rm(this.folder, { recursive: true, force: true });
    return code;
  }
}
