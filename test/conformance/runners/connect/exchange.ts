/** A recorded conversation: one exchange a line, as test/conformance/connect/README.md describes it. */
import { readFileSync } from 'node:fs';

export interface Exchange {
  readonly seq: number;
  /** `scene/step`. */
  readonly case: string;
  readonly wait_ms?: number;
  readonly compare?: 'contains' | 'status';
  readonly view?: string;
  readonly request: ExchangeRequest;
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
}

export interface ExchangeRequest {
  readonly method: string;
  readonly path: string;
  /** null: the header is not sent. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: unknown;
  readonly raw?: string;
}

/** `replaced` are texts to be replaced in every line: addresses of stand-ins that listen elsewhere. */
export function readExchanges(file: string, replaced: ReadonlyMap<string, string>): Exchange[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      let text = line;
      for (const [from, to] of replaced) text = text.replaceAll(from, to);
      return JSON.parse(text) as Exchange;
    });
}

export function sceneOf({ case: name }: Exchange): string {
  return name.slice(0, name.indexOf('/'));
}

/**
 * The recording looked late, so as to see each state settled; an answer that is not there yet is asked for again instead. Only
 * where something shall stay as it is does the wait say anything: `npm run test:long` waits as long as the recording did.
 */
export function withShortWaits(exchanges: readonly Exchange[]): Exchange[] {
  if (process.env['TEST_LONG'] === '1') return [...exchanges];
  return exchanges.map((exchange) => {
    const longestMs = exchange.case.includes('still') ? 1000 : 200;
    return { ...exchange, wait_ms: Math.min(exchange.wait_ms ?? 0, longestMs) };
  });
}
