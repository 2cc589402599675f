/** The example page: public, read-only, and allowed to talk to nobody but this gateway. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendFault } from './respond.ts';

export interface DemoFile {
  readonly type: string;
  readonly body: Buffer;
}

/** Of a path below /demo. */
export type DemoFiles = (path: string) => DemoFile | undefined;

const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

export function isDemoPath(path: string): boolean {
  return path === '/demo' || path.startsWith('/demo/');
}

export function serveDemo(request: IncomingMessage, response: ServerResponse, path: string, files: DemoFiles): void {
  const file = files(path);
  if (file === undefined) sendFault(response, { code: 'not_found', message: 'there is nothing at this path' });
  else if (request.method !== 'GET') {
    const fault = { code: 'bad_request', message: 'the method is not one of this path' } as const;
    sendFault(response, fault, { status: 405, headers: { Allow: 'GET' } });
  } else {
    response
      .writeHead(200, { 'content-type': file.type, 'content-length': file.body.length, ...headers })
      .end(file.body);
  }
}
