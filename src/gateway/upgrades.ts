/** WebSocket handshakes: which protocol is spoken at a path, and everything that is decided before the 101. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type GatewayFault, gatewayCodes } from '../wire/gateway/codes.ts';
import { chooseV2Form, type V2Query } from '../wire/gateway/v2.ts';
import type { Doorkeeper } from './admission.ts';
import type { Identity } from './auth/identity.ts';
import { isTokenProtocol, subprotocolsOf } from './auth/request-token.ts';
import type { Connections, Place } from './connections.ts';
import type { GatewayConnection, GatewayParts } from './gateway-parts.ts';
import { refuseUpgrade } from './http/respond.ts';
import { IngestConnection } from './ingest-connection.ts';
import { flushMs } from './liveness.ts';
import { NativeConnection } from './native-connection.ts';
import { type OpenDelivery, openDelivery } from './open-delivery.ts';
import { shortOfMemory, splitUrl } from './routes.ts';
import type { GatewaySettings, IngestRoute } from './settings.ts';
import type { Transform } from './transforms.ts';
import { asRefusal, checkHandshake, Refused, type Target, targetOf } from './upgrade-target.ts';
import { V2Connection } from './v2-connection.ts';
import { answerPings, closeFragmentsAsTooLarge, socketOptions } from './web-socket.ts';

export interface UpgradeOptions {
  readonly parts: () => GatewayParts;
  readonly doorkeeper: Doorkeeper;
  readonly connections: Connections;
  readonly clientAddress: (request: IncomingMessage) => string;
  readonly isDraining: () => boolean;
  /** Whether memory is short, so that nobody more is let in. */
  readonly isShort: () => boolean;
  readonly newSessionId: () => string;
  readonly inputTransform: Transform | undefined;
  readonly outputTransform: Transform | undefined;
}

interface Handshake {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly query: string;
  readonly ip: string;
}

const goingDown: GatewayFault = { code: 'shutting_down', message: 'the gateway is going down' };
/** Positions of v2 sessions in a group are committed that often. */
const autoCommitMs = 5000;

export class Upgrades {
  readonly #options: UpgradeOptions;
  readonly #servers: Readonly<Record<Target['kind'] | 'native-unknown', WebSocketServer>>;
  /** Subprotocol to answer with, decided before `ws` asks. */
  readonly #echo = new WeakMap<IncomingMessage, string>();
  /** Of every upgrade, refused ones too: the HTTP server does not know them any more, and waits for their end. */
  readonly #sockets = new Set<Duplex>();

  constructor(options: UpgradeOptions, settings: GatewaySettings) {
    this.#options = options;
    const server = (maxPayload: number, perMessageDeflate: boolean): WebSocketServer =>
      new WebSocketServer({
        ...socketOptions({ maxPayload, maxFragments: settings.limits.fragments, compression: perMessageDeflate }),
        handleProtocols: (_, request) => this.#echo.get(request) ?? false,
      });
    this.#servers = {
      native: server(settings.limits.message, settings.compression),
      // Of whom nothing is known yet, nothing is inflated.
      'native-unknown': server(settings.limits.message, false),
      v2: server(settings.v2.maxMessage, false),
      ingest: server(settings.limits.message, false),
    };
  }

  /** Never rejects: what goes wrong is an answer. */
  async handle(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    const parts = this.#options.parts();
    const [path, query] = splitUrl(request.url ?? '/');
    const ip = this.#options.clientAddress(request);
    try {
      const target = targetOf(path, query, request, parts.settings);
      checkHandshake(request);
      await this.#admit(target, { request, socket, head, query, ip }, parts);
    } catch (error) {
      if (!(error instanceof Refused)) parts.log.error('handshake_failed', { reason: (error as Error).message });
      const { status, fault, headers } = error instanceof Refused ? error : asRefusal(error);
      parts.metrics.rejected(status);
      refuseUpgrade(socket, status, fault, headers);
    }
  }

  /** Cuts off whoever is left. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #admit(target: Target, handshake: Handshake, parts: GatewayParts): Promise<void> {
    const { doorkeeper, connections } = this.#options;
    const { request, ip, query } = handshake;
    const page = doorkeeper.refusePage(request);
    if (page !== undefined) throw new Refused(gatewayCodes[page.code].http, page);
    if (this.#options.isDraining()) throw new Refused(503, goingDown);
    const parameters = new URLSearchParams(query);
    const admission = await doorkeeper.admit(request, parameters, target.kind === 'native');
    if (!admission.ok) throw new Refused(admission.status, admission.fault, admission.headers);
    if (this.#options.isShort()) throw new Refused(503, shortOfMemory, { 'Retry-After': '5' });
    const place = await connections.take(ip, admission.identity?.principal ?? null);
    if ('fault' in place) throw new Refused(place.status, place.fault, { 'Retry-After': '5' });
    try {
      // It may have begun while the token was looked at, or the places were asked for.
      if (this.#options.isDraining()) throw new Refused(503, goingDown);
      switch (target.kind) {
        case 'native':
          this.#echo.set(request, target.echo);
          await this.#openNative(target.form, handshake, admission.identity, place, parts);
          break;
        case 'v2':
          await this.#openV2(target.query, handshake, admission.identity!, place, parts);
          break;
        case 'ingest':
          await this.#openIngest(target.route, handshake, admission.identity!, place, parts);
          break;
      }
    } catch (error) {
      place.leave();
      throw error;
    }
  }

  async #openNative(
    form: 'json' | 'bin',
    handshake: Handshake,
    identity: Identity | undefined,
    place: Place,
    parts: GatewayParts,
  ): Promise<void> {
    const socket = await this.#accept(identity === undefined ? 'native-unknown' : 'native', handshake);
    if (socket === undefined) return place.leave();
    place.fill(
      new NativeConnection(parts, {
        socket,
        raw: handshake.socket,
        form,
        sessionId: this.#options.newSessionId(),
        identity,
        claim: (principal) => place.claim(principal),
        onClosed: (code) => place.leave(code),
      }),
    );
  }

  async #openV2(
    query: V2Query,
    handshake: Handshake,
    identity: Identity,
    place: Place,
    parts: GatewayParts,
  ): Promise<void> {
    const { form, echo } = chooseV2Form(subprotocolsOf(handshake.request.headers));
    if (echo !== null) this.#echo.set(handshake.request, echo);
    if (!query.ok) {
      const socket = await this.#accept('v2', handshake);
      if (socket === undefined) return place.leave();
      this.#sayNo(socket, query.reason, place);
      return;
    }
    const rights = parts.rights(identity);
    let connection: V2Connection | undefined;
    let failed = false;
    let open: OpenDelivery | undefined;
    if (query.topics !== null) {
      if (!parts.isBrokerUp()) throw new Refused(503, { code: 'unavailable', message: 'the broker cannot be reached' });
      open = await openDelivery(
        {
          topics: query.topics,
          pattern: null,
          from: { kind: parts.settings.v2.offsetReset },
          ifLost: 'earliest',
          filter: null,
          slow: 'wait',
          group: query.groupId,
          waitsForTopics: true,
          autoCommitMs,
        },
        rights,
        parts.delivery,
        {
          onReady: () => connection?.ready(),
          onPartitions: () => {},
          onFailed: () => {
            failed = true;
            connection?.subscriptionFailed();
          },
        },
      );
    }
    const socket = await this.#accept('v2', handshake);
    if (socket === undefined) {
      await open?.close();
      return place.leave();
    }
    connection = new V2Connection(parts, {
      socket,
      raw: handshake.socket,
      form,
      sessionId: this.#options.newSessionId(),
      identity,
      rights,
      open,
      inputTransform: this.#options.inputTransform,
      outputTransform: this.#options.outputTransform,
      onClosed: (code) => {
        void open?.close();
        place.leave(code);
      },
    });
    place.fill(connection);
    if (failed) connection.subscriptionFailed();
  }

  async #openIngest(
    route: IngestRoute,
    handshake: Handshake,
    identity: Identity,
    place: Place,
    parts: GatewayParts,
  ): Promise<void> {
    const { request, ip, query } = handshake;
    const rights = parts.rights(identity);
    if (rights.publish(route.topic) === undefined) {
      parts.metrics.aclDenial('publish');
      throw new Refused(403, { code: 'forbidden', message: 'the topic may not be written' });
    }
    const echo = subprotocolsOf(request.headers).find(
      (protocol) => !isTokenProtocol(protocol) && route.subprotocols.includes(protocol),
    );
    if (echo !== undefined) this.#echo.set(request, echo);
    const socket = await this.#accept('ingest', handshake);
    if (socket === undefined) return place.leave();
    const connection: GatewayConnection = new IngestConnection(parts, {
      socket,
      raw: handshake.socket,
      route,
      sessionId: this.#options.newSessionId(),
      identity,
      rights,
      query: new URLSearchParams(query),
      headers: request.headers,
      ip,
      onClosed: (code) => place.leave(code),
    });
    place.fill(connection);
  }

  /** The place is kept until the client has left, for which it has as long as any other. */
  #sayNo(socket: WebSocket, reason: string, place: Place): void {
    const cut = setTimeout(() => socket.terminate(), flushMs).unref();
    socket.on('close', (code) => {
      clearTimeout(cut);
      place.leave(code);
    });
    socket.close(1011, reason);
  }

  /** Answers 101; undefined where the client has left meanwhile. */
  #accept(
    kind: Target['kind'] | 'native-unknown',
    { request, socket, head }: Handshake,
  ): Promise<WebSocket | undefined> {
    if (socket.destroyed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const left = (): void => resolve(undefined);
      socket.once('close', left);
      this.#servers[kind].handleUpgrade(request, socket, head, (webSocket) => {
        socket.off('close', left);
        // Whatever becomes of it, what its client sends must not end the process. `ws` closes with the right code; 'close' follows.
        webSocket.on('error', () => {});
        answerPings(webSocket);
        closeFragmentsAsTooLarge(webSocket);
        resolve(webSocket);
      });
    });
  }
}
