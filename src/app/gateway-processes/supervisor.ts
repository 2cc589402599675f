/**
 * Several processes behind one port, for a gateway that one core does not carry. Each listens at the address itself and the kernel
 * shares connections out among them (SO_REUSEPORT): accepting costs half of what it does where one process accepts and hands the
 * sockets over, and the shares are as even. This one starts them, starts them anew when they die, counts the connections of all, and
 * gathers their metrics and health; no message of a client passes through it.
 */
import { type BackoffPolicy, backoffMs } from '../../base/backoff.ts';
import type { Clock, Random } from '../../base/clock.ts';
import type { AdminLook } from '../../gateway/listener.ts';
import { CountedPlaces } from '../../gateway/places.ts';
import type { GatewaySettings } from '../../gateway/settings.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Counter, MetricRegistry } from '../../telemetry/metrics.ts';
import type { GatewayStartOptions } from '../gateway-start.ts';
import { HeldPlaces } from './held-places.ts';
import { type FamilySnapshot, merged, type ProcessMetrics, snapshot } from './merged-metrics.ts';
import { reloadTogether } from './reload-together.ts';
import { SupervisedProcess } from './supervised-process.ts';

export interface SupervisorOptions {
  readonly options: GatewayStartOptions;
  /** `listen` with the port that they share. */
  readonly settings: GatewaySettings;
  readonly registry: MetricRegistry;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
}

const restarts: BackoffPolicy = { baseMs: 100, maxMs: 10_000, jitter: 0.2 };
/** One that served for so long begins anew with the shortest delay. */
const steadyMs = 30_000;
/** Beyond what a farewell may take. */
const endMs = 500;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #places: CountedPlaces;
  readonly #processes: (SupervisedProcess | undefined)[] = [];
  readonly #restarts: Counter;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Counters of those that have ended. */
  #ended: FamilySnapshot[] = [];
  #isStopping = false;
  /** Times that the files were read anew. */
  #reloads = 0;
  #reloading: Promise<void> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#places = new CountedPlaces(options.settings.limits);
    const metrics = options.registry.root();
    this.#restarts = metrics.counter('tributary_gateway_process_restarts_total', 'Processes that died and began anew');
    metrics.gauge('tributary_gateway_processes', 'Processes that serve', () => this.#serving.length);
  }

  /** Gives the URL that they share. What one of them cannot begin for is the error of all. */
  async start(): Promise<string> {
    const { processes } = this.#options.settings;
    const begun = Array.from({ length: processes }, (_, at) => this.#begin(at + 1, 0));
    try {
      return (await Promise.all(begun))[0]!;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** All read the files anew, or none. Gives the keys that take a restart. */
  reload(): Promise<readonly string[]> {
    const reloading = reloadTogether(this.#serving);
    this.#reloading = reloading.then(
      () => void this.#reloads++,
      () => {}, // told to whoever asked for it
    );
    return reloading;
  }

  async look(): Promise<AdminLook> {
    const { registry, settings } = this.#options;
    const serving = this.#serving;
    const looks = await Promise.all(
      serving.map((each) =>
        each.ask('look').then(
          (look) => ({ each, look }),
          () => ({ each, look: undefined }),
        ),
      ),
    );
    const metrics: ProcessMetrics[] = [{ number: 0, families: this.#ended, isOld: true }];
    for (const { each, look } of looks) {
      metrics.push({ number: each.number, families: each.families, isOld: look === undefined });
    }
    const answers = looks.flatMap(({ look }) => (look === undefined ? [] : [look.readiness]));
    const worst = (check: 'kafka' | 'auth' | 'drain', good: string): string =>
      answers.find(({ checks }) => checks[check] !== good)?.checks[check] ?? good;
    const drain = this.#isStopping ? 'yes' : worst('drain', 'no');
    return {
      // One that ended while it was asked is not stuck: it begins anew.
      stuck: looks.filter(({ each, look }) => look === undefined && each.isServing).map(({ each }) => each.number),
      readiness: {
        // Where one is just being started anew, the others have its share: no reason to go elsewhere.
        ready: answers.length > 0 && answers.every(({ ready }) => ready) && !this.#isStopping,
        checks: {
          kafka: answers.length === 0 ? 'not asked' : worst('kafka', 'ok'),
          auth: answers.length === 0 ? 'not asked' : worst('auth', 'ok'),
          drain,
          processes: `${answers.length} of ${settings.processes}`,
        },
      },
      families: [...registry.families.values(), ...merged(metrics)],
    };
  }

  /** Farewell to all clients; whoever takes too long for it is killed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const running = this.#processes.filter((each) => each !== undefined);
    for (const each of running) each.drain();
    const late = setTimeout(() => {
      for (const each of running) each.kill();
    }, this.#options.settings.drain.timeoutMs + endMs);
    await Promise.all(running.map(({ ended }) => ended));
    clearTimeout(late);
  }

  get #serving(): SupervisedProcess[] {
    return this.#processes.filter((each) => each?.isServing === true) as SupervisedProcess[];
  }

  #begin(number: number, failures: number): Promise<string> {
    const { options, settings, clock } = this.#options;
    const begun = new SupervisedProcess(number, new HeldPlaces(this.#places));
    this.#processes[number - 1] = begun;
    const atMs = clock.monotonicMs();
    const reloads = this.#reloads;
    const ready = begun.serve({ kind: 'serve', options, listen: settings.listen, number });
    ready.then(
      () => this.#catchUp(begun, reloads),
      () => {}, // told to whoever asked for it
    );
    void begun.ended.then((end) => {
      this.#processes[number - 1] = undefined;
      this.#ended = keptCounters(this.#ended, begun);
      if (this.#isStopping) return;
      this.#beginAnew(number, clock.monotonicMs() - atMs >= steadyMs ? 1 : failures + 1, end);
    });
    return ready;
  }

  /** One that read the files before the others read them anew does so too. */
  async #catchUp(begun: SupervisedProcess, reloads: number): Promise<void> {
    await this.#reloading;
    if (reloads === this.#reloads) return;
    try {
      await reloadTogether([begun]);
    } catch (error) {
      const reason = (error as Error).message;
      this.#options.log.error('gateway_reload_failed', { process: begun.number, reason });
    }
  }

  #beginAnew(number: number, attempt: number, end: object): void {
    const { log, random } = this.#options;
    const inMs = Math.round(backoffMs(attempt, restarts, random));
    log.error('gateway_process_ended', { process: number, ...end, restartInMs: inMs });
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#restarts.value++;
      this.#begin(number, attempt).catch((error: Error) =>
        log.error('gateway_process_failed', { process: number, reason: error.message }),
      );
    }, inMs);
    this.#timers.add(timer);
  }
}

/** With those of one more process that has ended. */
function keptCounters(kept: readonly FamilySnapshot[], { families }: SupervisedProcess): FamilySnapshot[] {
  const all = [kept, families].map((each) => ({ number: 0, families: each, isOld: true }));
  return snapshot(merged(all));
}
