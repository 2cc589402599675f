import { describeError } from '../../base/errors.ts';
import type { RawConfig } from '../../config/config-def.ts';
import type { ConnectorContext, ProbeResult, SourceBatch } from '../contract.ts';

type Open = (raw: RawConfig, context: ConnectorContext) => AsyncIterable<SourceBatch>;

const patienceMs = 10_000;
const longestSample = 2000;

/** Connects and waits for an event, 10 s at most. */
export async function probe(open: Open, raw: RawConfig, context: ConnectorContext): Promise<ProbeResult> {
  const patience = AbortSignal.timeout(patienceMs);
  const found = new AbortController();
  let status: string | undefined;
  let trouble: string | undefined;
  const setStatus = (detail: string | undefined): void => {
    status = detail;
    if (detail?.startsWith('reconnecting: ') || detail?.startsWith('ended ')) {
      trouble = detail.replace(/^reconnecting: /, '').replace(/ \(attempt \d+ in [\d.]+ s\)$/, '');
      found.abort(); // once is enough to tell
    }
  };
  const signal = AbortSignal.any([context.signal, patience, found.signal]);
  try {
    for await (const batch of open({ ...raw, 'sse.value': 'data' }, { ...context, signal, setStatus })) {
      const [record] = batch.records;
      if (record === undefined) continue;
      const sample = Buffer.from(record.value as Uint8Array)
        .toString('utf8')
        .slice(0, longestSample);
      return { ok: true, sample, detail: 'connected, first event received' };
    }
  } catch (error) {
    return { ok: false, reason: describeError(error) };
  }
  if (trouble !== undefined) return { ok: false, reason: trouble };
  if (!patience.aborted) return { ok: false, reason: 'stopped before an event came' };
  const where = status === undefined ? 'connected, but no event came' : `still ${status}`;
  return { ok: false, reason: `${where} within ${patienceMs / 1000} s` };
}
