/** What the broker says, in the closed codes of the protocol. */
import { isError, isRetriable } from '../base/errors.ts';
import type { GatewayFault } from '../wire/gateway/codes.ts';

/** `sent`: whether the call may have had an effect, so that its outcome is not known when it takes too long. */
export function faultOf(error: unknown): GatewayFault {
  if (!isError(error)) return { code: 'internal', message: 'the gateway made a mistake; its log has the session' };
  switch (error.code) {
    case 'UNKNOWN_TOPIC':
      return { code: 'not_found', message: 'no such topic' };
    case 'UNKNOWN_PARTITION':
      return { code: 'not_found', message: 'no such partition' };
    case 'RECORD_TOO_LARGE':
      return { code: 'too_large', message: 'the record is larger than its topic takes' };
    case 'INVALID_TOPIC':
    case 'BROKER_REJECTED':
      return { code: 'rejected', message: 'the broker refused the record' };
    case 'AUTHORIZATION_FAILED':
      return { code: 'forbidden', message: 'the broker does not allow it' };
    case 'TIMEOUT':
      return { code: 'timeout', message: 'the broker did not answer in time: whether it was done is not known' };
    case 'BROKER_FULL':
    case 'BROKER_UNAVAILABLE':
    case 'BROKER_CLOSED':
    case 'AUTHENTICATION_FAILED':
      return { code: 'unavailable', message: 'the broker cannot be reached' };
    default:
      return isRetriable(error)
        ? { code: 'unavailable', message: 'the broker cannot be reached' }
        : { code: 'internal', message: 'the broker answered with an error; the log has it' };
  }
}

/** Carries a fault through calls that throw. */
export class FaultError extends Error {
  override readonly name = 'FaultError';
  readonly fault: GatewayFault;

  constructor(fault: GatewayFault, options: { readonly cause?: unknown } = {}) {
    super(fault.message, options);
    this.fault = fault;
  }
}

export function asFault(error: unknown): GatewayFault {
  return error instanceof FaultError ? error.fault : faultOf(error);
}
