/** `GET /openapi.json`. */
import type { FastifyInstance } from 'fastify';
import { type DocumentOptions, openApiDocument } from '../wire/connect/openapi/document.ts';

export function openApiRoute(server: FastifyInstance, options: DocumentOptions): void {
  server.get('/openapi.json', async () => openApiDocument(options));
}
