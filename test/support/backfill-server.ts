/** Gives messages of a numbered feed again, as a REST interface beside it would: by the numbers of a question. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Question {
  readonly from: number;
  readonly to: number;
  readonly channel: string | null;
  readonly headers: IncomingHttpHeaders;
}

export interface BackfillServer extends AsyncDisposable {
  /** For `websocket.backfill.url`, without a place for a channel. */
  readonly url: string;
  readonly questions: readonly Question[];
  /** How it answers from now on. */
  answer: (question: Question, response: ServerResponse) => void;
}

export async function startBackfill(answer: BackfillServer['answer']): Promise<BackfillServer> {
  const questions: Question[] = [];
  const http = createServer((request, response) => {
    const { searchParams } = new URL(request.url!, 'http://x');
    const [from, to] = ['from', 'to'].map((name) => Number(searchParams.get(name))) as [number, number];
    const question = { from, to, channel: searchParams.get('channel'), headers: request.headers };
    questions.push(question);
    server.answer(question, response);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server: BackfillServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/messages?from={from}&to={to}`,
    questions,
    answer,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
  return server;
}

/** The array of what `message` gives for each number; null: it has none. */
export function answerWith(message: (number: number) => string | null, most = Number.POSITIVE_INFINITY) {
  return ({ from, to }: Question, response: ServerResponse): void => {
    const found: string[] = [];
    for (let number = from; number <= to && found.length < most; number++) {
      const text = message(number);
      if (text !== null) found.push(text);
    }
    response.setHeader('content-type', 'application/json');
    response.end(`[${found.join(', ')}]`);
  };
}

export function answerStatus(status: number, headers: Readonly<Record<string, string>> = {}) {
  return (_question: Question, response: ServerResponse): void => {
    response.writeHead(status, headers);
    response.end();
  };
}
