import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type LogEntry, recordingLog } from '../telemetry/log.ts';
import { configEntry } from './config-entries.ts';
import { EarlyCommands } from './early-commands.ts';

function commandsOf(log: LogEntry[] = []) {
  const commands = new EarlyCommands(recordingLog(log));
  const note = (key: string, value: string): void => commands.note(configEntry(key, value)!, key, value);
  return { commands, note };
}

test('commands that were there before the topic was read are not carried out again, those that come behind are', () => {
  const { commands, note } = commandsOf();
  note('restart-connector-a', '{}');
  commands.begin();
  note('connector-a', '{"properties":{}}');
  note('target-state-a', '{"state":"PAUSED"}');
  note('logger-cluster-x', '{"level":"DEBUG"}');
  note('restart-connector-b', '{}');
  note('logger-cluster-x', '{"level":"INFO"}');
  deepEqual(commands.take(), [
    ['logger-cluster-x', '{"level":"INFO"}'],
    ['restart-connector-b', '{}'],
  ]);
  deepEqual(commands.take(), []);
});

test('a topic that is read once more begins anew', () => {
  const { commands, note } = commandsOf();
  commands.begin();
  note('restart-connector-a', '{}');
  commands.reset();
  note('restart-connector-b', '{}');
  deepEqual(commands.take(), []);
});

test('so many of different keys wait and no more: what is dropped is told', () => {
  const log: LogEntry[] = [];
  const { commands, note } = commandsOf(log);
  commands.begin();
  for (let n = 0; n <= 1_000; n++) note(`restart-connector-${n}`, '{}');
  note('restart-connector-0', '{"only-failed":true}');
  equal(commands.take().length, 1_000);
  deepEqual(
    log.map(({ event, fields }) => [event, fields['key']]),
    [['early_command_dropped', 'restart-connector-1000']],
  );
});
