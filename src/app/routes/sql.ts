/** `/sql/check` and `/sql/explain`: what the commands of these names do, for editors and consoles. */
import type { FastifyInstance } from 'fastify';
import { TributaryError } from '../../base/errors.ts';
import { isRecord } from '../../config/raw.ts';
import { sendError } from './send-error.ts';

export function sqlRoutes(server: FastifyInstance): void {
  server.post('/sql/check', async (request, reply) => {
    const { problemOf, checkScript } = await import('../sql-files.ts');
    try {
      checkScript(scriptOf(request.body));
      return { valid: true, errors: [] };
    } catch (error) {
      const problem = problemOf(error);
      return problem === undefined ? sendError(reply, error) : { valid: false, errors: [problem] };
    }
  });

  server.post('/sql/explain', async (request, reply) => {
    const { problemOf, describeScript } = await import('../sql-files.ts');
    try {
      return describeScript(scriptOf(request.body));
    } catch (error) {
      const problem = problemOf(error);
      if (problem === undefined) return sendError(reply, error);
      return reply.code(422).send({ error_code: 422, message: (error as Error).message, errors: [problem] });
    }
  });
}

function scriptOf(body: unknown): string {
  if (isRecord(body) && typeof body['sql'] === 'string' && Object.keys(body).length === 1) return body['sql'];
  throw new TributaryError(
    'USAGE',
    'Cannot read the body: it must be a JSON object with one member "sql", the text of a script',
  );
}
