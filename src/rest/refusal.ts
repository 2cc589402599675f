/** How errors become answers. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { describeError, type ErrorCode, isError } from '../base/errors.ts';
import type { Log } from '../telemetry/log.ts';
import { type ErrorBody, errorBody, statusError } from '../wire/connect/error-body.ts';

/** What a route throws to answer with a status of Kafka Connect's. It never leaves this folder. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Connect answers 500 to a body that it cannot read, and its clients know that. */
export function unreadable(problem: string): Refusal {
  return new Refusal(500, problem);
}

const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  CONFIG_INVALID: 400,
  USAGE: 400,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  CONFLICT: 409,
  GROUP_REBALANCING: 409,
  QUEUE_FULL: 503,
};

/** `redact` takes known secrets out of texts: a connector's, or a library's, may quote one. */
export function errorHandler(
  log: Log,
  redact: (text: string) => string,
): (error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply) => FastifyReply {
  return (error, request, reply) => {
    const { error_code: status, message } = bodyOf(error);
    if (status >= 500 && !(error instanceof Refusal)) {
      log.error('rest_request_failed', { method: request.method, path: request.routeOptions.url, error });
    }
    return reply.code(status).send(errorBody(status, redact(message)));
  };
}

function bodyOf(error: FastifyError | Error): ErrorBody {
  if (error instanceof Refusal) return errorBody(error.status, error.message);
  if (isError(error)) return errorBody(statuses[error.code] ?? 500, describeTexts(error));
  // Fastify's own: content type, size, URL.
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if (status !== undefined && status >= 400 && status < 500) return statusError(status);
  return errorBody(500, describeError(error));
}

/** Validation errors are several lines that clients take apart; other errors are one line with their causes. */
function describeTexts(error: Error): string {
  return isError(error, 'CONFIG_INVALID') || isError(error, 'INVALID_CONFIG') ? error.message : describeError(error);
}
