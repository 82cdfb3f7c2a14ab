import { applyDecorators, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';

const NodeHandlerMetadata = DiscoveryService.createDecorator<string>();

/** Makes a provider the handler of a node type: `@NodeHandler('http')` on a class that implements `NodeType`. */
export const NodeHandler = (type: string): ClassDecorator => applyDecorators(Injectable(), NodeHandlerMetadata(type)) as ClassDecorator;
/** Where NodeRegistry reads the type from. */
NodeHandler.KEY = NodeHandlerMetadata.KEY;
NodeHandler.metadata = NodeHandlerMetadata;
