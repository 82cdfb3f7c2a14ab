import { applyDecorators, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';

/** The metadata by which `NodeRegistry` finds node types. */
export const NodeTypeName = DiscoveryService.createDecorator<string>();

/** Makes a provider the handler of a node type: `@NodeHandler('http')` on a class that implements `NodeType`. */
export const NodeHandler = (type: string): ClassDecorator =>
  applyDecorators(Injectable(), NodeTypeName(type));
