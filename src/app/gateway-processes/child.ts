/**
 * One of several processes that serve a gateway's port. Whatever it is to do comes from the process that supervises it; when that
 * one is gone, killed with -9 even, it says farewell to its clients and ends.
 */

import { unreachable } from '../../base/assert.ts';
import { systemClock } from '../../base/clock.ts';
import { describeError, TributaryError } from '../../base/errors.ts';
import type { PreparedReload } from '../../gateway/server.ts';
import type { GatewaySettings } from '../../gateway/settings.ts';
import { Loggers, type LogThreshold } from '../../telemetry/loggers.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { openLog } from '../../telemetry/pino-log.ts';
import { accepted } from '../config/load-config.ts';
import { watchCrashes } from '../crashes.ts';
import { gatewaySource } from '../gateway-start.ts';
import { KnownSecrets } from '../known-secrets.ts';
import { openServingGateway } from '../wiring.ts';
import { AskedPlaces } from './asked-places.ts';
import { snapshot } from './merged-metrics.ts';
import type { Order, Question, Report } from './messages.ts';

interface Serving {
  answer(question: Question): Promise<Report>;
  abandonReload(): void;
  /** Farewell to all clients, then the end. */
  drain(): Promise<void>;
}

// Ctrl-C and a closed terminal reach every process of the group: it is the supervising one that decides.
for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => {});

const places = new AskedPlaces(send);
let serving: Serving | undefined;
let isEnding = false;

process.on('message', (order: Order) => {
  switch (order.kind) {
    case 'serve':
      void begin(order);
      break;
    case 'drain':
      void end();
      break;
    case 'placed':
    case 'claimed':
      places.answered(order);
      break;
    case 'abandon':
      serving?.abandonReload();
      break;
    case 'look':
    case 'prepare':
    case 'apply':
      void serving?.answer(order).then(send);
      break;
  }
});
process.on('SIGTERM', () => void end());
process.on('disconnect', () => void end());

/** An order that comes a second time, or the loss of who gave it, ends at once. */
async function end(): Promise<void> {
  if (isEnding || serving === undefined) process.exit(isEnding ? 1 : 0);
  isEnding = true;
  await serving.drain();
  process.exit(0);
}

function send(report: Report): void {
  // Who supervises may be gone in this very moment, which 'disconnect' tells.
  if (process.connected) process.send!(report, undefined, undefined, () => {});
}

async function begin({ options, listen, number }: Extract<Order, { kind: 'serve' }>): Promise<void> {
  const secrets = new KnownSecrets();
  try {
    const source = await gatewaySource(options, process.env, secrets);
    const { loaded, settings } = source.read();
    const config = accepted(loaded);
    const loggers = new Loggers(config.logLevel.toUpperCase() as LogThreshold, () => systemClock.nowMs());
    const log = openLog({ loggers, output: process.stderr, redaction: secrets.redaction }).child({ process: number });
    watchCrashes({
      log,
      redact: (text) => secrets.text(text),
      exit: (code) => process.exit(code),
      source: process,
    });
    const metrics = new MetricRegistry();
    const parts = { config, connectors: [], demo: false, env: process.env, log, loggers, secrets, metrics };
    const { gateway, stop } = await openServingGateway(parts, { ...settings, listen }, places);
    const again = (): GatewaySettings => {
      const read = source.read();
      accepted(read.loaded);
      return { ...read.settings, listen };
    };
    let prepared: PreparedReload | undefined;
    const abandonReload = (): void => {
      prepared?.abandon();
      prepared = undefined;
    };
    const prepare = async (): Promise<string | undefined> => {
      abandonReload();
      try {
        prepared = await gateway.prepareReload(again());
        return undefined;
      } catch (error) {
        return secrets.text(describeError(error));
      }
    };
    serving = {
      drain: stop,
      abandonReload,
      async answer({ kind, id }) {
        switch (kind) {
          case 'look':
            return {
              kind: 'looked',
              id,
              families: snapshot(metrics.families.values()),
              readiness: gateway.readiness(),
            };
          case 'prepare':
            return { kind: 'prepared', id, problem: await prepare() };
          case 'apply': {
            const keys = prepared?.apply() ?? [];
            prepared = undefined;
            return { kind: 'applied', id, keys };
          }
          default:
            return unreachable(kind);
        }
      },
    };
    send({ kind: 'ready', url: gateway.url });
  } catch (error) {
    const code = error instanceof TributaryError ? error.code : 'INTERNAL';
    process.send!({ kind: 'failed', code, message: secrets.text(describeError(error)) }, undefined, undefined, () =>
      process.exit(1),
    );
  }
}
