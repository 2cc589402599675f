import type { FastifyReply } from 'fastify';
import type { ErrorCode } from '../../base/errors.ts';
import { describeError, isError } from '../../base/errors.ts';

const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  USAGE: 400,
  INVALID_TOPIC: 400,
  INVALID_CONFIG: 400,
  RECORD_TOO_LARGE: 400,
  OFFSET_OUT_OF_RANGE: 400,
  UNKNOWN_TOPIC: 404,
  UNKNOWN_PARTITION: 404,
  NOT_FOUND: 404,
  TOPIC_EXISTS: 409,
  AUTHORIZATION_FAILED: 403,
  BROKER_UNAVAILABLE: 503,
  BROKER_FULL: 503,
  BROKER_CLOSED: 503,
};

/** Errors in the shape of Kafka Connect's. */
export function sendError(reply: FastifyReply, error: unknown): FastifyReply {
  const status = (isError(error) ? statuses[error.code] : undefined) ?? 500;
  return reply.code(status).send({ error_code: status, message: describeError(error) });
}
