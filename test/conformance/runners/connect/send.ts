/** Sends what an exchange asks for, byte for byte: `fetch` would change headers and paths. */
import { request } from 'node:http';
import type { ExchangeRequest } from './exchange.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed where it is JSON, else text. */
  readonly body: unknown;
}

const timeoutMs = 100_000;

export function send(base: string, { method, path, headers = {}, body, raw }: ExchangeRequest): Promise<Answer> {
  const data =
    raw !== undefined ? Buffer.from(raw) : body !== undefined ? Buffer.from(JSON.stringify(body)) : undefined;
  const wanted = {
    accept: 'application/json',
    ...(data === undefined ? {} : { 'content-type': 'application/json' }),
    ...headers,
    ...(data === undefined && method === 'GET' ? {} : { 'content-length': String(data?.length ?? 0) }),
  };
  const sent = Object.fromEntries(
    Object.entries(wanted).filter((header): header is [string, string] => header[1] !== null),
  );
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: hostname, port, method, path, headers: sent, timeout: timeoutMs }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body: parsed(Buffer.concat(chunks).toString()),
        }),
      );
    });
    outgoing.on('error', reject);
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    outgoing.end(data);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // not every answer is JSON, and then the text is what is compared
  }
}
