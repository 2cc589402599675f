/** The REST interface over a worker that only remembers, asked without a socket. */
import type { InjectOptions } from 'fastify';
import { buildRestServer, type RestServerOptions } from '../../src/rest/server.ts';
import { type LogEntry, recordingLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';
import { type FakeWorker, fakeWorker } from './fake-worker.ts';

export interface RestSetup
  extends Pick<RestServerOptions, 'loggers' | 'topicTracking' | 'statusDetail' | 'forwarding'> {
  readonly worker?: FakeWorker;
  readonly maskSecrets?: boolean;
  readonly log?: LogEntry[];
}

export function restServer({ worker = fakeWorker(), maskSecrets = false, log = [], ...more }: RestSetup = {}) {
  const registry = new MetricRegistry();
  const server = buildRestServer({ worker, registry, version: '0.1.0', maskSecrets, log: recordingLog(log), ...more });
  const ask = async (
    request: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: unknown; headers: Record<string, unknown> }> => {
    const [method, url] = request.split(' ') as [InjectOptions['method'], string];
    const payload = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await server.inject({
      method,
      url,
      payload,
      headers: {
        host: 'worker:8083',
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    });
    const text = answer.body;
    const isJson = String(answer.headers['content-type']).startsWith('application/json');
    return { status: answer.statusCode, body: isJson ? JSON.parse(text) : text, headers: answer.headers };
  };
  return { server, worker, registry, ask };
}
