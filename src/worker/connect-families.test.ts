import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { exposition } from '../telemetry/exposition.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { ConnectFamilies, type ConnectFigures } from './connect-families.ts';
import { startups } from './startups.ts';

const part = { workerId: 'w', version: '1.0.0', trace: null };
const figures: ConnectFigures = {
  connectorNames: () => ['a', 'gone'],
  status: (name) =>
    name !== 'a'
      ? undefined
      : {
          name: 'a',
          type: 'source',
          connector: { ...part, state: 'RUNNING' },
          tasks: [
            { task: 0, state: 'RUNNING' },
            { task: 1, state: 'FAILED' },
          ],
        },
  connector: () => ({ config: { 'connector.class': 'org.example.A' } }),
};

test('what the worker knows, in the names of Kafka Connect', async () => {
  let nowMs = 0;
  const registry = new MetricRegistry();
  const metrics = registry.root();
  const task = metrics.child({ connector: 'a', task: '0' });
  const polled = task.counter('kafka_connect_source_task_source_record_poll_total', 'P');
  task.counter('tributary_source_batches_total', 'B').value = 4;
  task.counter('tributary_source_offset_commits_total', 'C').value = 3;
  task.counter('tributary_source_offset_commit_failures_total', 'F').value = 1;
  await startups(metrics, 'task').counted(() => 1);
  await startups(metrics, 'task')
    .counted(() => Promise.reject(new Error('no')))
    .catch(() => {});
  const families = new ConnectFamilies(figures, registry.families, { nowMs: () => 0, monotonicMs: () => nowMs });
  families.families();
  polled.value = 20;
  nowMs = 10_000;
  const lines = exposition(families.families())
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  deepEqual(lines, [
    'kafka_connect_connector_connector_class{connector="a",connector_class="org.example.A"} 1',
    'kafka_connect_connector_connector_type{connector="a",connector_type="source"} 1',
    'kafka_connect_connector_connector_version{connector="a",connector_version="1.0.0"} 1',
    'kafka_connect_connector_status{connector="a",status="running"} 1',
    'kafka_connect_connector_task_batch_size_avg{connector="a",task="0"} 5',
    'kafka_connect_connector_task_offset_commit_failure_percentage{connector="a",task="0"} 25',
    'kafka_connect_connector_task_offset_commit_success_percentage{connector="a",task="0"} 75',
    'kafka_connect_connector_task_status{connector="a",task="0",status="running"} 1',
    'kafka_connect_connector_task_status{connector="a",task="1",status="failed"} 1',
    'kafka_connect_source_task_source_record_poll_rate{connector="a",task="0"} 2',
    'kafka_connect_worker_connector_count 1',
    'kafka_connect_worker_connector_failed_task_count{connector="a"} 1',
    'kafka_connect_worker_connector_paused_task_count{connector="a"} 0',
    'kafka_connect_worker_connector_restarting_task_count{connector="a"} 0',
    'kafka_connect_worker_connector_running_task_count{connector="a"} 1',
    'kafka_connect_worker_connector_startup_failure_percentage 0',
    'kafka_connect_worker_connector_startup_success_percentage 0',
    'kafka_connect_worker_connector_total_task_count{connector="a"} 2',
    'kafka_connect_worker_connector_unassigned_task_count{connector="a"} 0',
    'kafka_connect_worker_task_count 2',
    'kafka_connect_worker_task_startup_failure_percentage 50',
    'kafka_connect_worker_task_startup_success_percentage 50',
  ]);
});
