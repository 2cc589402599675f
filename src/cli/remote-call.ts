/** A request to a running process, whose refusals are errors of ours, and answers of one JSON a line. */
import type { ErrorCode } from '../base/errors.ts';
import { describeError, TributaryError } from '../base/errors.ts';

export type Credentials = Readonly<Record<string, string>>;
export type Init = Omit<RequestInit, 'headers'> & {
  readonly headers?: Readonly<Record<string, string>>;
  readonly duplex?: 'half';
};

/** An answer that is none of success becomes the error that the process gave. */
export async function request(url: string, init: Init = {}, credentials: Credentials = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { ...init, headers: { ...credentials, ...init.headers } });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new TributaryError('CONNECTION_FAILED', `Cannot reach ${new URL(url).origin}: ${describeError(error)}`);
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  throw refusal(answer.status, messageOf(text), url);
}

export function refusal(status: number, message: string | undefined, url: string): TributaryError {
  const text = message ?? `${new URL(url).origin} answered HTTP ${status}`;
  const hint =
    status === 401 ? '. Give --user NAME:PASSWORD or --token TOKEN, or set TRIBUTARY_USER or TRIBUTARY_TOKEN' : '';
  return new TributaryError(codeOf(status), text + hint);
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return 'AUTHENTICATION_FAILED';
  if (status === 403) return 'AUTHORIZATION_FAILED';
  if (status === 404) return 'NOT_FOUND';
  if (status === 409) return 'CONFLICT';
  return status < 500 ? 'BROKER_REJECTED' : 'CONNECTION_FAILED';
}

function messageOf(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined; // an answer of something between us and it: the status has to do
  }
}

/** What each chunk of the answer brings is a batch. An error that it ends with is thrown. */
export async function* readLines<T extends object>(answer: Response): AsyncGenerator<readonly T[], void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of answer.body ?? []) {
    const whole = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = whole.pop()!;
    if (whole.length > 0) yield whole.map((line) => parseLine<T>(line));
  }
}

function parseLine<T extends object>(line: string): T {
  const parsed = JSON.parse(line) as T | { readonly error: { readonly code: ErrorCode; readonly message: string } };
  if ('error' in parsed) throw new TributaryError(parsed.error.code, parsed.error.message);
  return parsed;
}
