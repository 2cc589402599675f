// A source connector: counts up, and goes on where it stopped after a restart.
import { setTimeout as wait } from 'node:timers/promises';

/** @type {import('@tributary/tributary/dist/app/plugin-contract.js').SourcePlugin} */
export const counter = {
  kind: 'source',
  name: 'counter',
  version: '1.0.0',
  options: {
    topic: { type: 'STRING', doc: 'Topic to write to' },
    'interval.ms': { type: 'INT', default: 1000, doc: 'Pause between two records' },
  },
  async *open({ topic, 'interval.ms': intervalMs }, { resumeOffset, signal }) {
    const partition = { counter: 'one' };
    for (let n = (resumeOffset(partition)?.n ?? 0) + 1; !signal.aborted; n++) {
      yield {
        records: [
          {
            topic,
            key: n,
            keySchema: { type: 'int32', optional: false },
            value: `number ${n}`,
            valueSchema: { type: 'string', optional: false },
          },
        ],
        partition,
        offset: { n },
      };
      await wait(intervalMs, undefined, { signal }).catch(() => {}); // the stop ends the wait, the loop sees it
    }
  },
};
