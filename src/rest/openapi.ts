/** `GET /openapi.json`. */
import type { FastifyInstance } from 'fastify';
import { openApiDocument } from '../wire/connect/openapi/document.ts';

export function openApiRoute(server: FastifyInstance, version: string): void {
  server.get('/openapi.json', async () => openApiDocument(version));
}
