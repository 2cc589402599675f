/** What a source says of its connection, in the words that the language promises. */
import { TributaryError } from '../../base/errors.ts';
import { maskUrl } from '../../net/endpoint.ts';
import type { StreamPlan } from '../check/stream-plan.ts';

/** For a try that failed: retriable, as another may succeed. */
export function connectionError({ options }: StreamPlan, problem: string): TributaryError {
  const url = maskUrl(options.values.get(`${options.extension}.url`) ?? '');
  return new TributaryError('CONNECTION_FAILED', messageOf(url, options.extension ?? '', problem), { retriable: true });
}

/** For the end of a source: what its connector threw. Any other error stays as it is. */
export function sourceError(stream: StreamPlan, error: unknown): unknown {
  if (!(error instanceof TributaryError) || error.code !== 'CONNECTION_REFUSED_FOR_GOOD') return error;
  const problem = error.message
    .replace(/^Cannot stay connected to "[^"]*": /, '')
    .replace('(websocket.reconnect.enabled is false)', '(websocket.reconnect is false)');
  return new TributaryError(error.code, connectionError(stream, problem).message, { cause: error.cause });
}

function messageOf(url: string, extension: string, problem: string): string {
  const what = extension === 'websocket' ? 'WebSocket' : 'event stream';
  const [, gaveUp = ''] = /^gave up after (\d+) attempts to reconnect: /.exec(problem) ?? [];
  const [, suffix = ''] = /( \(websocket\.reconnect is false\))$/.exec(problem) ?? [];
  const end = gaveUp === '' ? suffix : ` (gave up after ${gaveUp} tries)`;
  const bare = problem.replace(/^gave up after \d+ attempts to reconnect: /, '').replace(suffix, '');
  const [, lateMs] = /^no (?:connection|answer to the upgrade) within (\d+) ms$/.exec(bare) ?? [];
  if (lateMs !== undefined)
    return `Connection to ${what} ${url} timed out after ${Number(lateMs) / 1000} seconds${end}`;
  const cause = causeOf(bare);
  if (cause !== undefined) return `Failed to connect to ${what} ${url}: ${cause}${end}`;
  return `Connection to ${what} ${url} was lost: ${bare}${end}`;
}

/** undefined: there was a connection. */
function causeOf(problem: string): string | undefined {
  if (problem.includes('ECONNREFUSED')) return 'Connection refused';
  const [, status] = /^server answered the upgrade with (.*)$/.exec(problem) ?? [];
  if (status !== undefined) return status;
  if (problem.startsWith('TLS: ')) return `certificate verify failed (${problem.slice('TLS: '.length)})`;
  if (/subprotocol/.test(problem))
    return /^subprotocol/.test(problem) ? problem : `subprotocol not supported: ${problem}`;
  if (/^server answered with|^getaddrinfo|^connect |^proxy: /.test(problem)) return problem;
  return undefined;
}
