/** A worker without any connector or offset, with the settings that the recorded conversations rely on. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepted, loadConnect } from '../../../../src/app/config/load-config.ts';
import { loadConnectors } from '../../../../src/app/connectors.ts';
import { KnownSecrets } from '../../../../src/app/known-secrets.ts';
import { openApp } from '../../../../src/app/wiring.ts';
import type { Log } from '../../../../src/telemetry/log.ts';
import { Loggers } from '../../../../src/telemetry/loggers.ts';
import { MetricRegistry } from '../../../../src/telemetry/metrics.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

export interface FreshWorker extends AsyncDisposable {
  readonly url: string;
}

/** `broker`: `kafka://…`, or undefined for an embedded one in a folder of its own. */
export async function startFreshWorker(broker: string | undefined, log: Log): Promise<FreshWorker> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await tempFolder('conformance'));
  const env = { ...process.env, GOLDEN_TOPIC: 'env-topic' };
  const connectors = await loadConnectors();
  const worker = join(folder.path, 'worker.properties');
  writeFileSync(worker, workerFile(randomUUID()));
  const config = accepted(
    loadConnect(
      { worker, connectors: [], broker: broker ?? `embedded:${join(folder.path, 'data')}`, listen: '127.0.0.1:0' },
      { env, connectors },
    ),
  );
  const loggers = new Loggers('INFO', () => Date.now());
  const app = await openApp({
    config,
    connectors,
    demo: false,
    env,
    log,
    loggers,
    secrets: new KnownSecrets(),
    metrics: new MetricRegistry(),
  });
  opened.defer(() => app.stop());
  const running = opened.move();
  return { url: app.url!, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Names of its own for group and tables: on a Kafka there may have been a run before. */
function workerFile(id: string): string {
  return `bootstrap.servers=127.0.0.1:9092
group.id=conformance-${id}
config.storage.topic=conformance-configs-${id}
offset.storage.topic=conformance-offsets-${id}
status.storage.topic=conformance-status-${id}
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=2
status.storage.partitions=1
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=false
offset.flush.interval.ms=500
config.providers=env,file
config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
`;
}
