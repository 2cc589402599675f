/** Certificates for tests, made with openssl: an authority, a server for 127.0.0.1 and one for another name, a client. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  readonly ca: string;
  readonly caPath: string;
  readonly server: KeyPair;
  /** For the name other.example only. */
  readonly other: KeyPair;
  readonly expired: KeyPair;
  readonly client: KeyPair;
  /** The client's key, encrypted with the passphrase "let me in". */
  readonly clientEncryptedKey: string;
}

export async function makeCertificates(folder: string): Promise<Certificates> {
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): Promise<unknown> => run('openssl', args);
  const read = (name: string): Promise<string> => readFile(path(name), 'utf8');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

  await openssl(
    ...['req', '-x509', ...newKey, '-keyout', path('ca.key'), '-out', path('ca.pem'), '-days', '2'],
    ...['-subj', '/CN=Test authority'],
  );
  const pair = async (name: string, subjectAltName: string, days = '2'): Promise<KeyPair> => {
    await openssl(
      'req',
      ...newKey,
      '-keyout',
      path(`${name}.key`),
      '-out',
      path(`${name}.csr`),
      '-subj',
      `/CN=${name}`,
    );
    await writeFile(path(`${name}.ext`), `subjectAltName=${subjectAltName}\n`);
    await openssl(
      ...['x509', '-req', '-in', path(`${name}.csr`), '-CA', path('ca.pem'), '-CAkey', path('ca.key')],
      ...['-CAcreateserial', '-out', path(`${name}.pem`), '-days', days, '-extfile', path(`${name}.ext`)],
    );
    return { cert: await read(`${name}.pem`), key: await read(`${name}.key`) };
  };
  const client = await pair('client', 'DNS:client');
  const encrypted = ['-in', path('client.key'), '-aes256', '-passout', 'pass:let me in', '-out', path('client.enc')];
  await openssl('ec', ...encrypted);
  return {
    ca: await read('ca.pem'),
    caPath: path('ca.pem'),
    server: await pair('server', 'IP:127.0.0.1,DNS:localhost'),
    other: await pair('other', 'DNS:other.example'),
    expired: await pair('expired', 'IP:127.0.0.1', '-1'),
    client,
    clientEncryptedKey: await read('client.enc'),
  };
}
