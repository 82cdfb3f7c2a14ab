import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import { COMPILE_CACHE, Server } from './server.js';

/** The start of a program of a team whose project is CommonJS, as `nest new` makes it on request. */
const IMPORTS = `
  import 'reflect-metadata';
  import { Controller, Get, Injectable, Module } from '@nestjs/common';
  import { NestFactory } from '@nestjs/core';
  import { z } from 'zod';
  import { NodeHandler } from '../engine/extension/node-handler.decorator.js';
  import { ExecutionStarter } from '../executions/commands/execution-starter.js';
  import { ExecutionsModule } from '../module.js';
`;

/** A host of another team in a process of its own, compiled by TypeScript to CommonJS. */
export class HostProcess {
  private constructor(
    readonly server: Server,
    private readonly folder: string,
  ) {}

  /** @param code TypeScript that may use the `IMPORTS` above. It must print \`listens on <url>;\` */
  static async start(code: string, settings: Record<string, string>): Promise<HostProcess> {
    const root = join(process.cwd(), 'dist');
    await mkdir(root, { recursive: true });
    // Inside the build folder, so that Node finds the installed packages.
    const folder = await mkdtemp(join(root, '.host-'));
    const { outputText } = ts.transpileModule(IMPORTS + code, {
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2023,
        esModuleInterop: true,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
      },
    });
    await writeFile(join(folder, 'package.json'), '{"type":"commonjs"}');
    await writeFile(join(folder, 'main.js'), outputText);
    try {
      const server = await Server.start({ ...COMPILE_CACHE, ...settings }, join(folder, 'main.js'));
      return new HostProcess(server, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Removes the program's files, once its process has ended. */
  async remove(): Promise<void> {
    await this.server.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
