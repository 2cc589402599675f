/**
 * Who may ask what of the REST interface, checked before any route sees the request: the listener it came to, the host it
 * names, the page it comes from, who sent it, and what that one may do.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../base/clock.ts';
import { LimitedWarning } from '../../telemetry/limited-log.ts';
import { auditLogger, type Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { errorBody, statusError } from '../../wire/connect/error-body.ts';
import { listenerOf } from '../listen.ts';
import { auditChange } from './audit.ts';
import { type Accounts, Authenticator, type Caller } from './authenticate.ts';
import { answerCors, type Cors } from './cors.ts';
import { isForeignWrite, isKnownHost } from './origin.ts';
import { applyHeaders, type ResponseHeader } from './response-headers.ts';
import { holds, neededRole } from './roles.ts';

export interface AccessRules {
  /** Without any, everybody may do everything. */
  readonly accounts: Accounts;
  /** Paths that need no login: `/health`, for probes. */
  readonly openPaths: readonly string[];
  /** Host names, besides those of this machine, that a loopback listener answers to. */
  readonly hosts: readonly string[];
  readonly cors: Cors;
  readonly responseHeaders: readonly ResponseHeader[];
  /** False: configurations show passwords, so that only an operator may see them. */
  readonly secretsMasked: boolean;
}

export interface AccessParts {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Call it before any route is declared. */
export function guardAccess(server: FastifyInstance, rules: AccessRules, { log, metrics, clock }: AccessParts): void {
  const authenticator = new Authenticator(rules.accounts, clock);
  const needsLogin = rules.accounts.users.length + rules.accounts.tokens.length > 0;
  const audit = log.child({}, auditLogger);
  const failedLogins = new LimitedWarning(log, 'rest_login_failed', clock);
  const callers = new WeakMap<FastifyRequest, Caller>();
  const refused = (reason: string) =>
    metrics.counter('tributary_rest_requests_refused_total', 'Requests that were refused, by reason', { reason });
  const counters = {
    listener: refused('listener'),
    host: refused('host'),
    origin: refused('origin'),
    login: refused('login'),
    limited: refused('limited'),
    role: refused('role'),
  };
  const refuse = (
    reply: FastifyReply,
    reason: keyof typeof counters,
    status: number,
    message: string,
  ): FastifyReply => {
    counters[reason].value++;
    return reply.code(status).send(errorBody(status, message));
  };

  server.addHook('onRequest', async (request, reply) => {
    const { method, headers, url } = request;
    const path = url.replace(/[?#].*$/, '');
    const route = request.routeOptions.url;
    applyHeaders(rules.responseHeaders, clock.nowMs(), (name, value, replace) => {
      if (replace) reply.removeHeader(name);
      reply.header(name, value);
    });
    const listener = listenerOf(request.raw);
    if (listener !== undefined && !serves(listener.serves, path)) {
      return refuse(reply, 'listener', 404, statusError(404).message);
    }
    if (listener?.isLoopback === true && !isKnownHost(headers.host, rules.hosts)) {
      return refuse(
        reply,
        'host',
        403,
        `This listener is for this machine, and the request names the host "${headers.host}": a web page may have led here. If the name is meant, add it to "rest.allowed.hosts"`,
      );
    }
    if (answerCors(rules.cors, request, reply)) return reply;
    const asked = { method, host: headers.host, origin: headers.origin, fetchSite: headers['sec-fetch-site'] };
    if (isForeignWrite({ ...asked, fetchSite: [asked.fetchSite].flat()[0] }, rules.cors.origins)) {
      return refuse(
        reply,
        'origin',
        403,
        'A web page of another origin may change nothing here. If it is meant to, add it to "access.control.allow.origin"',
      );
    }
    if (!needsLogin || rules.openPaths.includes(path.replace(/(?<=.)\/$/, ''))) return undefined;
    const login = await authenticator.login(headers.authorization, request.ip);
    switch (login.kind) {
      case 'known': {
        callers.set(request, login.caller);
        const { expand } = request.query as { readonly expand?: string | string[] };
        const needed = neededRole(method, route, rules.secretsMasked, expand);
        const { name, role } = login.caller;
        if (holds(role, needed)) return undefined;
        return refuse(
          reply,
          'role',
          403,
          `"${name}" has the role ${role}; ${method} ${route} needs ${needed === 'admin' ? 'admin' : `${needed} or admin`}`,
        );
      }
      case 'limited':
        reply.header('retry-after', Math.ceil(login.retryAfterMs / 1000));
        return refuse(reply, 'limited', 429, 'Too many logins failed from this address: try again later');
      case 'missing':
      case 'wrong':
        if (login.kind === 'wrong') failedLogins.warn({ from: request.ip });
        reply.header('www-authenticate', ['Basic realm="Tributary", charset="UTF-8"', 'Bearer realm="Tributary"']);
        return refuse(
          reply,
          'login',
          401,
          login.kind === 'wrong' ? 'Wrong user, password or token' : 'A user and password, or a token, is wanted',
        );
    }
  });
  server.addHook('onResponse', async (request, reply) => {
    auditChange(audit, request, reply, callers.get(request));
  });
}

function serves(what: 'all' | 'admin' | 'all-but-admin', path: string): boolean {
  const isAdmin = path === '/admin' || path.startsWith('/admin/');
  return what === 'all' || (what === 'admin') === isAdmin;
}
