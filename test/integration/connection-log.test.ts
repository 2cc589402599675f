/** The lines that a life of a connection writes: operators search logs by these names. */
import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { taskMetrics } from '../../src/connectors/websocket-source/task-metrics.ts';
import { type LogEntry, recordingLog } from '../../src/telemetry/log.ts';
import { runSse } from '../support/sse-run.ts';
import { startSseServer } from '../support/sse-server.ts';
import { runSource } from '../support/websocket-run.ts';
import { WsServer } from '../support/ws-server.ts';

const namesOf = (log: readonly LogEntry[]): string[] => log.map(({ event }) => event);

describe('a WebSocket', () => {
  test('that is opened, closed by the server, opened again and stopped', async () => {
    await using server = await WsServer.start({
      onOpen(peer) {
        peer.text('x');
        if (peer.request.number === 0) peer.close(1001);
      },
    });
    await using run = runSource(server.url, { 'websocket.subscription.message': 'hello' });
    await run.take(2);
    run.stop();
    await run.drain();
    deepEqual(
      namesOf(run.log).filter((name) => name !== 'websocket_failure'),
      [
        ...['task_starting', 'session_initialized', 'websocket_client_starting', 'websocket_client_started'],
        ...['websocket_opened', 'subscription_sent', 'websocket_closed', 'websocket_closing'],
        ...['reconnect_scheduled', 'reconnect_executing', 'websocket_opened', 'subscription_sent'],
        ...['message_draining_started', 'websocket_closing'],
        ...['message_draining_completed', 'websocket_client_stopped', 'task_metrics', 'task_stopped'],
      ],
    );
  });

  test('that is not opened again, because the task stops, or because that is not wanted', async () => {
    await using server = await WsServer.start({ onOpen: (peer) => peer.close(1001) });
    await using stopped = runSource(server.url, { 'websocket.reconnect.interval.ms': '60000' });
    void stopped.begin();
    await stopped.until(() => stopped.events('reconnect_scheduled').length === 1, 'a wait');
    stopped.stop();
    await stopped.until(() => stopped.events('reconnect_skipped').length === 1, 'the end');
    deepEqual(stopped.events('reconnect_skipped')[0]?.fields, { reason: 'the task is stopping' });
    await using once = runSource(server.url, { 'websocket.reconnect.enabled': 'false' });
    await once.failure();
    deepEqual(once.events('reconnect_skipped')[0]?.fields, { reason: 'websocket.reconnect.enabled is false' });
    equal(once.events('reconnect_failed').length, 1);
  });

  test('tells of each hundred messages at debug, a line for a chunk at most', async () => {
    await using server = await WsServer.start({
      onOpen(peer) {
        for (let n = 0; n < 250; n++) peer.text(`m${n}`);
      },
    });
    await using run = runSource(server.url);
    await run.take(250);
    const told = run.events('messages_received_milestone');
    deepEqual([...new Set(told.map(({ level }) => level))], ['debug']);
    const hundreds = told.map(({ fields }) => Math.floor(Number(fields['messages_received']) / 100));
    equal(hundreds.at(-1), 2);
    deepEqual(hundreds, [...new Set(hundreds)]);
  });

  for (const [status, given] of [
    ['HEALTHY', {}],
    ['NO_RECENT_MESSAGES', { quietS: 61 }],
    ['HIGH_LAG', { queued: 1001, quietS: 61 }],
    ['HIGH_QUEUE_UTILIZATION', { queued: 8001 }],
    ['DROPPING_MESSAGES', { queued: 8001, dropped: 1 }],
    ['DISCONNECTED', { connected: false, dropped: 1 }],
    ['STOPPED', { connected: false, isStopped: true }],
  ] as const) {
    test(`is ${status} with ${JSON.stringify(given)}`, () => {
      const { queued = 0, quietS = 0, dropped = 0, connected = true, isStopped = false } = given as Given;
      const entries: LogEntry[] = [];
      const none = { value: 0 };
      const [drop_newest, others] = [{ value: dropped }, none];
      const reasons = { binary: others, not_utf8: others, undecodable: others, abandoned: others, drop_oldest: others };
      taskMetrics(recordingLog(entries), {
        meters: { received: none, produced: none, dropped: { ...reasons, drop_newest } },
        readings: {
          queueRecords: () => queued,
          queueCapacity: 10_000,
          isConnected: () => connected,
          secondsSinceLastMessage: () => quietS,
        },
        sessionId: 's',
        attempts: 0,
        isStopped,
      });
      const [line] = entries;
      deepEqual([line?.event, line?.fields['status'], line?.fields['lag_count']], ['task_metrics', status, queued]);
      equal(line?.level, status === 'HEALTHY' || status === 'STOPPED' ? 'info' : 'warn');
    });
  }
});

interface Given {
  readonly queued?: number;
  readonly quietS?: number;
  readonly dropped?: number;
  readonly connected?: boolean;
  readonly isStopped?: boolean;
}

describe('an event stream', () => {
  test('that is opened, ended by the server, opened again and stopped', async () => {
    await using server = await startSseServer((x) => {
      x.open().write('event: a\nid: 1\ndata: x\n\nevent: b\nid: 2\ndata: y\n\nevent: a\nid: 3\ndata: z\n\n');
      if (x.number === 0) x.end();
    });
    await using run = runSse(server.origin);
    await run.take(6);
    run.stop();
    await run.drain();
    deepEqual(
      namesOf(run.log.filter(({ level }) => level !== 'debug')).filter((name) => !/^(gap|ids)_/.test(name)),
      [
        ...['task_starting', 'sse_connecting', 'sse_opened', 'sse_closed', 'reconnect_scheduled'],
        ...['reconnect_executing', 'sse_connecting', 'sse_opened'],
        ...['draining_started', 'sse_client_stopped', 'task_metrics', 'task_stopped'],
      ],
    );
    const { fields } = run.events('task_metrics').at(-1)!;
    deepEqual(fields['events.byType'], { a: 4, b: 2 });
    deepEqual([fields['connection.errors'], fields['connection.reconnections'], fields['events.total']], [1, 1, 6]);
  });
});
