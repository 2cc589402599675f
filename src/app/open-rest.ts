/** The REST interface beside a worker, or in its place while it waits for its Kafka. */
import { systemClock } from '../base/clock.ts';
import type { Broker } from '../broker/broker.ts';
import { isLoopback, type Listener } from '../rest/listen.ts';
import type { Worker } from '../worker/worker.ts';
import type { AppConfig, ListenerSettings } from './config/app-config.ts';
import { listenerTls } from './listener-tls.ts';
import { sendToPeer } from './peers.ts';
import type { OpenSpoolSource } from './spool-source.ts';
import { withoutTables } from './topics/without-tables.ts';
import { packageVersion } from './version.ts';
import type { AppParts } from './wiring.ts';

export const restModules = () =>
  Promise.all([
    import('../rest/server.ts'),
    import('../rest/listen.ts'),
    import('./routes/topic-api.ts'),
    import('./routes/sql.ts'),
    import('../wire/connect/openapi/topic-operations.ts'),
    import('../wire/connect/openapi/sql-operations.ts'),
    import('./topics/local-access.ts'),
    import('./routes/spool.ts'),
    import('./spool/local-spool.ts'),
    import('../wire/connect/openapi/spool-operations.ts'),
  ]);

export function workerIdOf({ rest }: AppConfig, listen: ListenerSettings | undefined): string {
  return rest?.advertised ?? (listen === undefined ? 'local' : `${listen.host}:${listen.port}`);
}

export async function openRest(
  { config, log, loggers, metrics, secrets }: AppParts,
  broker: Broker,
  worker: Worker,
  spool: OpenSpoolSource | undefined,
  listeners: readonly ListenerSettings[],
  stopping: AbortSignal,
  opened: AsyncDisposableStack,
): Promise<string> {
  const rest = config.rest!;
  const workerId = workerIdOf(config, listeners[0]);
  const [
    { buildRestServer },
    { listenAll },
    { topicApi },
    { sqlRoutes },
    { topicOperations },
    { sqlOperations },
    { localAccess },
    { spoolRoutes },
    { localSpool },
    { spoolOperations },
  ] = await restModules();
  const server = buildRestServer({
    worker,
    registry: metrics,
    version: packageVersion(),
    log: log.child({}, 'tributary.rest'),
    maskSecrets: rest.maskSecrets,
    statusDetail: rest.statusDetail,
    topicTracking: rest.topicTracking,
    moreOperations: [...topicOperations, ...sqlOperations, ...spoolOperations],
    // Where secrets are shown in clear, an error that quotes what was sent needs no mask.
    ...(rest.maskSecrets ? { redact: (text: string) => secrets.text(text) } : {}),
    loggers,
    forwarding: { send: sendToPeer(listeners, config.folder), workerId },
    access: { rules: rest.access, clock: systemClock },
  });
  opened.defer(async () => {
    await server.close();
  });
  const { tables, share } = config.worker;
  const topics = withoutTables(
    localAccess(broker),
    [tables.config, tables.offset, tables.status, share?.topic].flatMap((table) => table?.topic ?? []),
  );
  await topicApi(server, topics, stopping);
  sqlRoutes(server);
  spoolRoutes(
    server,
    localSpool(() => spool?.broker),
    stopping,
  );
  const hasUsers = rest.access.accounts.users.length + rest.access.accounts.tokens.length > 0;
  for (const { host, port, tls } of listeners) {
    if (isLoopback(host)) continue;
    if (rest.isAnonymous) log.warn('rest_without_authentication', { host, port });
    else if (tls === undefined && hasUsers) log.warn('rest_passwords_in_clear', { host, port });
  }
  const [url] = await listenAll(server, withCertificates(listeners, config.folder), rest.portOption);
  return url!;
}

const waiting = 'The worker waits for its Kafka, which cannot be reached. The log says why';

/** What answers at the worker's addresses while there is none. What lies in its spool is shown: that needs no Kafka. */
export async function openWaitingRest(
  { config, log, metrics }: AppParts,
  spool: OpenSpoolSource | undefined,
  listeners: readonly ListenerSettings[],
): Promise<AsyncDisposable> {
  const [{ buildWaitingServer }, { listenAll }, { guardAccess }, { spoolRoutes }, { localSpool }] = await Promise.all([
    import('../rest/waiting.ts'),
    import('../rest/listen.ts'),
    import('../rest/access/access.ts'),
    import('./routes/spool.ts'),
    import('./spool/local-spool.ts'),
  ]);
  const { rest, folder } = config;
  const server = buildWaitingServer(waiting);
  const stopping = new AbortController();
  server.addHook('preClose', async () => stopping.abort());
  if (rest !== undefined && spool !== undefined) {
    // One that cannot be opened fails the worker later, or those who want it: until then there is nothing to see.
    if (spool.isThere) await spool.open().catch(() => {});
    void server.register(async (scope) => {
      const parts = { log: log.child({}, 'tributary.rest'), metrics: metrics.root(), clock: systemClock };
      guardAccess(scope, rest.access, parts);
      spoolRoutes(
        scope,
        localSpool(() => spool.broker),
        stopping.signal,
      );
    });
  }
  if (rest !== undefined) await listenAll(server, withCertificates(listeners, folder), rest.portOption);
  return server;
}

function withCertificates(listeners: readonly ListenerSettings[], folder: string): Listener[] {
  return listeners.map(({ tls, ...address }) => ({
    ...address,
    ...(tls === undefined ? {} : { tls: listenerTls(tls, folder) }),
  }));
}
