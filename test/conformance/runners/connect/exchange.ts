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
