/** A worker whose REST interface takes only clients with a certificate of the company's own authority, and such a client. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import type { Certificates } from '../../support/certificates.ts';
import { freePorts } from '../../support/free-ports.ts';
import { type Running, startTributary } from './run.ts';

interface SafeAnswer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: unknown;
}

export interface SafeWorker extends Running {
  readonly address: string;
  ask(request: string, body?: unknown): Promise<SafeAnswer>;
}

export interface SafeWorkerOptions {
  readonly cwd: string;
  /** Of `cwd`: its authority is there as ca.pem. */
  readonly certificates: Certificates;
  readonly broker: string;
  /** Of the section `worker`. */
  readonly worker: Readonly<Record<string, unknown>>;
}

export async function startSafeWorker({ cwd, certificates, broker, worker }: SafeWorkerOptions): Promise<SafeWorker> {
  const { server, client, ca } = certificates;
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port!}`;
  await writeFile(join(cwd, 'server.pem'), server.cert);
  await writeFile(join(cwd, 'server.key'), server.key);
  const config = {
    broker,
    worker: { ...worker, listen: `https://${address}` },
    rest: { tls: { cert: 'server.pem', key: 'server.key', ca: 'ca.pem', client: { auth: 'required' } } },
  };
  const file = `${port!}.yaml`;
  await writeFile(join(cwd, file), JSON.stringify(config));
  const running = startTributary(['start', file], { cwd });
  try {
    await running.waitFor('Ctrl-C stops it.');
  } catch (error) {
    await running[Symbol.asyncDispose]();
    throw error;
  }
  const agent = new Agent({ ca, ...client });
  return {
    ...running,
    [Symbol.asyncDispose]: async () => {
      agent.destroy();
      await running[Symbol.asyncDispose]();
    },
    address,
    ask: (what, body) => askOver(agent, `https://${address}`, what, body),
  };
}

/** Over connections of this agent, with what it shows. */
export async function askOver(agent: Agent, base: string, what: string, body?: unknown): Promise<SafeAnswer> {
  const [method = '', path = ''] = what.split(' ');
  const headers = { 'content-type': 'application/json' };
  const request = httpsRequest(base + path, { method, agent, ...(body === undefined ? {} : { headers }) });
  request.end(body === undefined ? undefined : JSON.stringify(body));
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += chunk;
  const { statusCode = 0, headers: told } = answer;
  return { status: statusCode, location: told.location, body: text === '' ? undefined : JSON.parse(text) };
}
