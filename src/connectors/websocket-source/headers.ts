import { TributaryError } from '../../base/errors.ts';
import type { HeaderPair } from '../../net/endpoint.ts';
import { headerProblem } from '../../net/header.ts';

/** Headers that belong to the upgrade itself. */
const ours = new Set([
  'connection',
  'upgrade',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'content-length',
  'transfer-encoding',
]);

export interface ParsedHeaders {
  readonly headers: readonly HeaderPair[];
  /** Pairs without a colon, by their position from 1: left out, as in the original. */
  readonly skipped: readonly number[];
}

/**
 * `websocket.headers`: split at commas, each pair at its first colon, blanks around both sides taken away. Of two headers
 * with one name the last counts. `single` come from keys of their own: their values may hold commas, and they win. CONFIG_INVALID for what must not reach the wire; it names the header, never its value.
 */
export function parseHeaders(text: string | null, single: readonly HeaderPair[] = []): ParsedHeaders {
  const headers = new Map<string, HeaderPair>();
  const skipped: number[] = [];
  if (text !== null && text !== '') {
    text.split(',').forEach((pair, index) => {
      const colon = pair.indexOf(':');
      if (colon === -1) {
        skipped.push(index + 1);
        return;
      }
      const name = pair.slice(0, colon).trim();
      const value = pair.slice(colon + 1).trim();
      checkHeader(name, value);
      headers.set(name.toLowerCase(), [name, value]);
    });
  }
  for (const [name, value] of single) {
    checkHeader(name, value);
    headers.set(name.toLowerCase(), [name, value]);
  }
  return { headers: [...headers.values()], skipped };
}

function checkHeader(name: string, value: string): void {
  const problem = headerProblem(name, value);
  if (problem !== undefined) throw invalid(name, problem);
  if (ours.has(name.toLowerCase())) throw invalid(name, 'it belongs to the WebSocket upgrade itself');
}

function invalid(name: string, problem: string): TributaryError {
  return new TributaryError(
    'CONFIG_INVALID',
    `Cannot send header ${JSON.stringify(name)} of websocket.headers: ${problem}`,
  );
}
