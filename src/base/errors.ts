/**
 * Every error that leaves a folder of this program is a TributaryError: a code out of this closed list, whether trying
 * again can help, and what caused it. Texts name the thing, the value in quotes and the wanted form; they never hold a
 * secret or a payload.
 */
export const errorCodes = [
  // wrong use
  'CONFIG_INVALID',
  'SQL_INVALID',
  'USAGE',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'CONFLICT',
  // record batches
  'BATCH_TRUNCATED',
  'BATCH_CORRUPT',
  'BATCH_UNSUPPORTED',
  'RECORD_TOO_LARGE',
  // broker
  'UNKNOWN_TOPIC',
  'UNKNOWN_PARTITION',
  'TOPIC_EXISTS',
  'INVALID_TOPIC',
  'INVALID_CONFIG',
  'OFFSET_OUT_OF_RANGE',
  'TOPIC_RECREATED',
  'PRODUCER_FENCED',
  'TRANSACTION_INVALID_STATE',
  'TRANSACTION_ABORTED',
  'GROUP_MEMBER_UNKNOWN',
  'GROUP_REBALANCING',
  'AUTHENTICATION_FAILED',
  'AUTHORIZATION_FAILED',
  'BROKER_UNAVAILABLE',
  'BROKER_LOCKED',
  'BROKER_CORRUPT',
  'BROKER_FULL',
  'BROKER_CLOSED',
  'BROKER_REJECTED',
  // transforms and conversion
  'TRANSFORM_FAILED',
  'CONVERSION_FAILED',
  // connections to other systems
  'CONNECTION_FAILED',
  'CONNECTION_REFUSED_FOR_GOOD',
  'OUTBOUND_FORBIDDEN',
  'PROTOCOL_ERROR',
  // waiting
  'TIMEOUT',
  'ABORTED',
  'QUEUE_FULL',
  // listeners
  'ADDRESS_IN_USE',
  // our own mistake
  'INTERNAL',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface ErrorOptions {
  /** True when the same call may succeed later without anyone changing anything. Default false. */
  readonly retriable?: boolean;
  readonly cause?: unknown;
}

export class TributaryError extends Error {
  override readonly name = 'TributaryError';
  readonly code: ErrorCode;
  readonly retriable: boolean;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retriable = options.retriable ?? false;
  }
}

/** True for a TributaryError, with that code if one is given. */
export function isError(error: unknown, code?: ErrorCode): error is TributaryError {
  return error instanceof TributaryError && (code === undefined || error.code === code);
}

export function isRetriable(error: unknown): boolean {
  return error instanceof TributaryError && error.retriable;
}

/** The text of anything that was thrown, with the texts of its causes behind it, on one line. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let current = error, depth = 0; current !== undefined && current !== null && depth < 8; depth++) {
    const text = current instanceof Error ? current.message || current.name : String(current);
    // An AggregateError of Node (happy eyeballs) has an empty text; its parts tell what happened.
    const nested = current instanceof AggregateError ? current.errors.map((e) => describeError(e)).join('; ') : '';
    const line = nested !== '' && (text === '' || text === current.constructor.name) ? nested : text;
    if (!parts.some((part) => part.includes(line))) parts.push(line);
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(': ').replace(/\s*\n\s*/g, ' ');
}
