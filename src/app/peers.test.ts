import { equal, match, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { makeCertificates } from '../../test/support/certificates.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { describeError, isError } from '../base/errors.ts';
import type { ListenerSettings, ListenerTls } from './config/app-config.ts';
import { sendToPeer } from './peers.ts';

test('a worker shows the certificate of its listener, and says what is wrong with that of another one', async () => {
  await using folder = await tempFolder('peers');
  const { ca, server: pair, other, client } = await makeCertificates(folder.path);
  await using right = await startServer({ ...pair, ca });
  await using wrong = await startServer({ ...other, ca });
  const request = (url: string) => ({ method: 'PUT', url, headers: {}, body: undefined });
  const sender = (parts: Partial<ListenerTls>) => {
    const own = { clientAuth: 'required', ...parts } as ListenerTls;
    const listener: ListenerSettings = { host: '127.0.0.1', port: 1, tls: own, serves: 'all' };
    return sendToPeer([listener], folder.path);
  };
  const refused = (text: RegExp) => (error: unknown) => {
    match(describeError(error), text);
    return isError(error, 'CONNECTION_FAILED') && !error.retriable;
  };
  equal(String((await sender({ ...client, ca: 'ca.pem' })(request(right.url))).body), 'hello');
  await rejects(
    sender(client)(request(right.url)),
    refused(/^Cannot reach the worker at 127\.0\.0\.1:\d+: .*certificate/),
  );
  await rejects(sender({ ...client, ca })(request(wrong.url)), refused(/IP: 127\.0\.0\.1 is not in the cert's list/));
});

/** It lets in who shows a certificate of the authority. */
async function startServer(tls: { readonly cert: string; readonly key: string; readonly ca: string }) {
  const options = { ...tls, requestCert: true, rejectUnauthorized: true };
  const server = createServer(options, (_, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
