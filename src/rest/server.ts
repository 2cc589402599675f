/**
 * The REST interface of the worker: Kafka Connect's routes, `/health` and `/metrics`. Whoever builds it may add routes of
 * its own before it listens; they share its body parser and its answers to unknown paths.
 */
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Loggers } from '../telemetry/loggers.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { statusError } from '../wire/connect/error-body.ts';
import type { Operation } from '../wire/connect/openapi/operations.ts';
import { type AccessRules, guardAccess } from './access/access.ts';
import { configRoutes } from './config.ts';
import { connectorRoutes } from './connectors.ts';
import { type Forwarding, forwardChanges } from './forwarding.ts';
import { internalRoutes } from './internal.ts';
import { lifecycleRoutes } from './lifecycle.ts';
import { loggerRoutes } from './loggers.ts';
import { metricRoutes } from './metrics.ts';
import { offsetRoutes } from './offsets.ts';
import { openApiRoute } from './openapi.ts';
import { pluginRoutes } from './plugins.ts';
import { errorHandler } from './refusal.ts';
import { acceptJsonBodies, answerUnknownPaths, requireJsonAccepted } from './request-format.ts';
import type { RestContext, TopicTracking } from './rest-context.ts';
import type { RestWorker } from './rest-worker.ts';
import { rootRoutes } from './root.ts';
import { statusRoutes } from './status.ts';
import { taskRoutes } from './tasks.ts';
import { topicRoutes } from './topics.ts';
import { refuseWhileWaiting } from './waiting-worker.ts';

export interface RestServerOptions {
  readonly worker: RestWorker;
  readonly registry: MetricRegistry;
  /** Our own version, shown by `GET /`. */
  readonly version: string;
  /** Values of password options are shown as `******`, and that text in a PUT keeps the value there was. */
  readonly maskSecrets: boolean;
  /** Who may ask what; everybody everything without it. */
  readonly access?: { readonly rules: AccessRules; readonly clock: Clock };
  /** Takes known secrets out of what errors say. */
  readonly redact?: (text: string) => string;
  /**
   * Statuses say what a task says of itself (`detail`), which Kafka Connect's do not. Default true; without it whoever asks
   * with `?detail=true` is told.
   */
  readonly statusDetail?: boolean;
  /** What `/admin/loggers` shows and changes; there is no such path without it. */
  readonly loggers?: Loggers;
  /** Default: on. */
  readonly topicTracking?: TopicTracking;
  /** Of routes that whoever builds the server adds: they stand in `/openapi.json`. */
  readonly moreOperations?: readonly Operation[];
  /** How changes reach the worker that answers them; without it, this one does. */
  readonly forwarding?: Forwarding;
  readonly log: Log;
}

/** A name of a connector in a path may be that long. */
const maxParamLength = 1000;

/**
 * No route here has a schema: bodies are checked by those who take them. What fastify would check schemas with is 115 modules,
 * which took a tenth of a start.
 */
const noSchemas = { buildValidator: noSchema, buildSerializer: noSchema };

function noSchema(): never {
  throw new Error('A route of the REST interface has a schema, for which nothing is loaded');
}

export function buildRestServer(options: RestServerOptions): FastifyInstance {
  const {
    worker,
    registry,
    version,
    maskSecrets,
    statusDetail = true,
    access,
    loggers,
    topicTracking = 'on',
    log,
  } = options;
  const server = fastify({
    // Connections that only wait (a browser's, a scraper's) must not hold up the end of the process.
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true, maxParamLength },
    schemaController: { compilersFactory: noSchemas },
    // A path that cannot be decoded: found before there is a route whose error handler could answer.
    frameworkErrors: (_error, _request, reply: FastifyReply) => reply.code(400).send(statusError(400)),
  });
  server.setErrorHandler(errorHandler(log, options.redact ?? ((text) => text)));
  if (access !== undefined) guardAccess(server, access.rules, { log, metrics: registry.root(), clock: access.clock });
  answerUnknownPaths(server);
  acceptJsonBodies(server);
  metricRoutes(server, registry, worker, systemClock);

  const context: RestContext = { worker, maskSecrets, statusDetail, topicTracking };
  void server.register(async (scope) => {
    scope.addHook('onRequest', requireJsonAccepted);
    refuseWhileWaiting(scope, worker);
    if (options.forwarding !== undefined) forwardChanges(scope, worker, options.forwarding, log, registry.root());
    rootRoutes(scope, context, version);
    connectorRoutes(scope, context);
    configRoutes(scope, context);
    statusRoutes(scope, context);
    taskRoutes(scope, context);
    lifecycleRoutes(scope, context);
    offsetRoutes(scope, context);
    topicRoutes(scope, context);
    pluginRoutes(scope, context);
    internalRoutes(scope);
    openApiRoute(scope, { version, more: options.moreOperations, access: access && accessOf(access.rules) });
    if (loggers !== undefined) loggerRoutes(scope, loggers, worker);
  });
  return server;
}

function accessOf({ accounts, openPaths }: AccessRules): { readonly openPaths: readonly string[] | undefined } {
  return { openPaths: accounts.users.length + accounts.tokens.length > 0 ? openPaths : undefined };
}
