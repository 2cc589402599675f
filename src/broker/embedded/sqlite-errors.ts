/** SQLite's result codes as errors of our closed list. */
import { TributaryError } from '../../base/errors.ts';
import type { Failure } from './protocol.ts';

const busy = 5;
const readOnly = 8;
const ioError = 10;
const corrupt = 11;
const full = 13;
const cannotOpen = 14;
const notADatabase = 26;

/** What went wrong with the file at `path`; a TributaryError is handed through. */
export function storeError(error: unknown, path: string): TributaryError {
  if (error instanceof TributaryError) return error;
  const primary = resultCode(error) & 0xff;
  const text = error instanceof Error ? error.message : String(error);
  switch (primary) {
    case busy:
      return new TributaryError('BROKER_LOCKED', `Cannot open "${path}": another process has it open`, {
        cause: error,
      });
    case full:
      return new TributaryError('BROKER_FULL', `Cannot write to "${path}": the disk or the store's quota is full`, {
        retriable: true,
        cause: error,
      });
    case corrupt:
    case notADatabase:
      return new TributaryError('BROKER_CORRUPT', `Cannot read "${path}": the file is damaged (${text})`, {
        cause: error,
      });
    case readOnly:
    case cannotOpen:
      return new TributaryError('BROKER_UNAVAILABLE', `Cannot open "${path}" for writing: ${text}`, { cause: error });
    case ioError:
      return new TributaryError('BROKER_UNAVAILABLE', `Cannot use "${path}": ${text}`, {
        retriable: true,
        cause: error,
      });
    default:
      return new TributaryError('INTERNAL', `The store "${path}" failed: ${text}`, { cause: error });
  }
}

/** True where the file does not hold what SQLite expects. */
export function isCorruption(error: unknown): boolean {
  return (resultCode(error) & 0xff) === corrupt;
}

/** An error as it travels between threads. */
export function asFailure({ code, message, retriable }: TributaryError): Failure {
  return { code, message, retriable };
}

function resultCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code : 0;
}
