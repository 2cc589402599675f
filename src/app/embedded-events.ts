import type { EmbeddedEvent } from '../broker/embedded/embedded.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** What the embedded broker has to tell: each is a line in the log, and counted. */
export function embeddedEvents(log: Log, metrics: Metrics): (event: EmbeddedEvent) => void {
  const counter = (name: string, help: string) => metrics.counter(`tributary_embedded_${name}_total`, help);
  const damaged = counter('damaged_batches', 'Stored batches that a reader passed over because they are damaged');
  const damagedRecords = counter('damaged_records', 'Offsets of the damaged batches that a reader passed over');
  const repaired = counter(
    'repaired_index_entries',
    'Entries of the index with a wrong end that a reader has put right by the batch itself',
  );
  const lostFrames = counter('log_lost_frames', 'Frames of the write-ahead log that were lost behind a damaged one');
  const lostRecords = counter('lost_records', 'Records that were acknowledged, and gone with the end of the log');
  const lostChanges = counter(
    'lost_changes',
    'Changes of topics, offsets and transactions that were acknowledged, and gone with the end of the log',
  );
  const aborted = counter('aborted_transactions', 'Transactions that a crash left open, aborted at the start');
  const failures = counter(
    'upkeep_failures',
    'Failed attempts at retention, compaction, moving the log into the file, or noting what was acknowledged',
  );
  return (event) => {
    const { kind, ...fields } = event;
    log.warn(`broker_${kind.replaceAll('-', '_')}`, fields);
    switch (event.kind) {
      case 'damaged-batch':
        damaged.value++;
        damagedRecords.value += event.damaged.lastOffset - event.damaged.baseOffset + 1;
        break;
      case 'index-repaired':
        repaired.value += event.rows;
        break;
      case 'log-damaged':
        lostFrames.value += event.lostFrames;
        lostRecords.value += event.lostRecords;
        lostChanges.value += event.lostChanges;
        break;
      case 'transactions-aborted':
        aborted.value += event.count;
        break;
      case 'maintenance-failed':
      case 'upkeep-failed':
        failures.value++;
        break;
    }
  };
}
