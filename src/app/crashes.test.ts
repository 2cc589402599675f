import { deepEqual, equal, match } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { type LogEntry, recordingLog } from '../telemetry/log.ts';
import { watchCrashes } from './crashes.ts';
import { KnownSecrets } from './known-secrets.ts';

test('a crash is a line of the log without secrets, and the end', () => {
  const entries: LogEntry[] = [];
  const codes: number[] = [];
  const secrets = new KnownSecrets();
  secrets.add({ 'connector.class': 'x', 'some.password': 'canary-password', url: 'ws://me:canary-user@h/' }, []);
  const source = new EventEmitter();
  const watch = watchCrashes({
    log: recordingLog(entries),
    redact: (text) => secrets.text(text),
    exit: (code) => codes.push(code),
    source: source as unknown as NodeJS.Process,
  });
  source.emit(
    'uncaughtException',
    new Error('cannot use canary-password', { cause: new Error('ws://me:canary-user@h/') }),
  );
  source.emit('uncaughtException', 'canary-user');
  deepEqual(codes, [1, 1]);
  equal(JSON.stringify(entries).includes('canary'), false);
  equal(entries[0]?.fields['reason'], 'cannot use ******: ws://me:******@h/');
  match(String(entries[0]?.fields['stack']), /^Error: cannot use \*{6}\n {4}at /);
  watch.release();
  equal(source.listenerCount('uncaughtException'), 0);
});
