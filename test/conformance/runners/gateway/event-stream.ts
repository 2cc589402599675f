/** A client of event streams and NDJSON that keeps everything it sees. */
import { request } from 'node:http';
import { Inbox } from './inbox.ts';

export type StreamItem =
  | { readonly kind: 'event'; readonly event: string; readonly data: string; readonly id: string | undefined }
  | { readonly kind: 'comment'; readonly text: string }
  | { readonly kind: 'retry'; readonly ms: number }
  | { readonly kind: 'line'; readonly json: unknown }
  | { readonly kind: 'end' };

export interface StreamAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Only of a refusal. */
  readonly body: string;
  readonly items: Inbox<StreamItem>;
  close(): void;
}

export function openStream(address: string, path: string, headers: Record<string, string>): Promise<StreamAnswer> {
  return new Promise((resolve, reject) => {
    const items = new Inbox<StreamItem>();
    const asked = request(`http://${address}${path}`, { headers: { Accept: 'text/event-stream', ...headers } });
    asked.on('error', reject);
    asked.on('response', (response) => {
      const { statusCode: status = 0 } = response;
      const answered = new Map(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
      const close = (): void => void asked.destroy();
      if (status !== 200) {
        let body = '';
        response.setEncoding('utf8').on('data', (text) => {
          body += text;
        });
        response.on('end', () => resolve({ status, headers: answered, body, items, close }));
        return;
      }
      const isLines = answered.get('content-type')?.startsWith('application/x-ndjson') ?? false;
      const read = isLines ? lineReader(items) : eventReader(items);
      response.setEncoding('utf8').on('data', read);
      response.on('close', () => items.push({ kind: 'end' }));
      response.on('error', () => {});
      resolve({ status, headers: answered, body: '', items, close });
    });
    asked.end();
  });
}

function lineReader(items: Inbox<StreamItem>): (text: string) => void {
  let rest = '';
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) items.push({ kind: 'line', json: JSON.parse(line) });
  };
}

function eventReader(items: Inbox<StreamItem>): (text: string) => void {
  let rest = '';
  let event = 'message';
  let id: string | undefined;
  let data: string[] = [];
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      const at = line.indexOf(':');
      const name = at === -1 ? line : line.slice(0, at);
      const value = at === -1 ? '' : line.slice(at + 1).replace(/^ /, '');
      if (line === '') {
        if (data.length > 0) items.push({ kind: 'event', event, data: data.join('\n'), id });
        event = 'message';
        data = [];
      } else if (at === 0) items.push({ kind: 'comment', text: value });
      else if (name === 'data') data.push(value);
      else if (name === 'event') event = value;
      else if (name === 'id') id = value;
      else if (name === 'retry') items.push({ kind: 'retry', ms: Number(value) });
    }
  };
}
