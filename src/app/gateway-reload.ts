/** The gateway's configuration, read anew while it runs (SIGHUP). Where it is wrong, what was goes on to hold. */
import { describeError } from '../base/errors.ts';
import type { GatewaySettings } from '../gateway/settings.ts';
import type { Log } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';

export interface GatewayReload {
  /** The section as the files have it now. Throws what is wrong with them. */
  readonly read: () => GatewaySettings;
  /** Gives the keys that differ and take a restart. */
  readonly apply: (settings: GatewaySettings) => Promise<readonly string[]>;
  readonly log: Log;
  readonly metrics: MetricRegistry;
}

/** One reload after the other; what is asked for meanwhile is one more. */
export function gatewayReload({ read, apply, log, metrics }: GatewayReload): () => void {
  const help = 'Times the configuration was read anew';
  const counter = (result: string) => metrics.root().counter('tributary_gateway_reloads_total', help, { result });
  const done = counter('ok');
  const failed = counter('failed');
  let last = Promise.resolve();
  let isWaiting = false;
  const reload = async (): Promise<void> => {
    isWaiting = false;
    try {
      const restart = await apply(read());
      done.value++;
      log.info('gateway_reloaded');
      if (restart.length > 0) log.warn('gateway_restart_needed', { keys: restart.map((key) => `gateway.${key}`) });
    } catch (error) {
      failed.value++;
      log.error('gateway_reload_failed', { reason: describeError(error) });
    }
  };
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    last = last.then(reload);
  };
}
