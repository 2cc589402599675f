/** A source connector whose batches a test hands in, and that tells what the worker did with it. */
import { define } from '../../src/config/config-def.ts';
import { int, password, string } from '../../src/config/option.ts';
import type { RawConfig } from '../../src/config/raw.ts';
import type { SourceBatch, SourceConnector, SourceContext } from '../../src/connectors/contract.ts';
import { STRING } from '../../src/record/schema.ts';
import { noSourceHeaders, type SourceRecord } from '../../src/record/source-record.ts';

export interface ScriptedSource extends SourceConnector {
  /** Runs that were opened, the newest last. */
  readonly runs: ScriptedRun[];
  /** Thrown by the next call of `open`. */
  failOpen: Error | undefined;
}

export interface ScriptedRun {
  readonly config: RawConfig;
  readonly context: SourceContext;
  /** True once its signal has aborted and it has ended, or the worker has left it. */
  readonly ended: boolean;
  /** Values for the topic, as one batch; `sequence` of its offset goes on with each. */
  give(...values: readonly string[]): void;
  giveBatch(batch: SourceBatch): void;
  fail(error: Error): void;
  /** False: when it is stopped it does not end by itself. */
  obeysStop: boolean;
}

export const scriptedConfig = define({
  topic: string({ doc: 'Topic to write to' }),
  token: password({ default: null, doc: 'A secret' }),
  size: int({ default: 1, doc: 'A number' }),
});

export const scriptedPartition = Object.freeze({ url: 'script:' });

export function scriptedSource(name = 'scripted', taskCount = 1): ScriptedSource {
  const runs: ScriptedRun[] = [];
  const source: ScriptedSource = {
    kind: 'source',
    name,
    classNames: [`org.example.${name[0]!.toUpperCase()}${name.slice(1)}SourceConnector`],
    version: '1.2.3',
    config: scriptedConfig,
    runs,
    failOpen: undefined,
    tasks: (config, max) => Array.from({ length: Math.min(taskCount, max) }, () => config),
    open(config, context) {
      const { failOpen } = source;
      source.failOpen = undefined;
      if (failOpen !== undefined) throw failOpen;
      const { run, batches } = scriptedRun(config, context);
      runs.push(run);
      return batches;
    },
  };
  return source;
}

function scriptedRun(config: RawConfig, context: SourceContext) {
  const queue: SourceBatch[] = [];
  let failure: Error | undefined;
  let ended = false;
  let wake: () => void = () => {};
  const stored = context.resumeOffset(scriptedPartition)?.['sequence'];
  let sequence = typeof stored === 'number' ? stored : 0;
  const run: ScriptedRun = {
    config,
    context,
    obeysStop: true,
    get ended() {
      return ended;
    },
    give(...values) {
      sequence += values.length;
      run.giveBatch({
        records: values.map((value) => textRecord(config['topic']!, value)),
        partition: scriptedPartition,
        offset: { sequence },
        receivedAtMs: context.clock.monotonicMs(),
      });
    },
    giveBatch(batch) {
      queue.push(batch);
      wake();
    },
    fail(error) {
      failure = error;
      wake();
    },
  };
  context.signal.addEventListener('abort', () => wake());

  async function* batches(): AsyncGenerator<SourceBatch> {
    try {
      for (;;) {
        const next = queue.shift();
        if (next !== undefined) yield next;
        else if (failure !== undefined) throw failure;
        else if (context.signal.aborted && run.obeysStop) return;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      ended = true;
    }
  }
  return { run, batches: batches() };
}

/** A record as the WebSocket connector makes one: text held as bytes, no key. */
export function textRecord(topic: string, value: string): SourceRecord {
  return {
    topic,
    partition: null,
    key: null,
    keySchema: null,
    value: Buffer.from(value),
    valueSchema: STRING,
    headers: noSourceHeaders,
    timestampMs: null,
  };
}
